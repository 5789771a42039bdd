"""Joins `src/plugin.py` to the contract of a filter. Change nothing in it."""

import json

from wit_world.exports import filter as contract

from answers import answering, as_bytes
from built_manifest import TEXT
from mover_plugin import configuration
from plugin import Plugin

SCHEMA = json.loads(TEXT)["config_schema"]


class Rewriter(contract.Rewriter):
    def __init__(self, plugin):
        self.plugin = plugin

    @classmethod
    @answering
    def open(cls, config, direction):
        return cls(Plugin(configuration(config, SCHEMA), direction.name.lower()))

    @answering
    def next(self, input, output):
        output.write(as_bytes(self.plugin.next(input)))

    @answering
    def finish(self, output):
        output.write(as_bytes(self.plugin.finish()))
