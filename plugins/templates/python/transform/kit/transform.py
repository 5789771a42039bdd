"""Joins `src/plugin.py` to the contract of a transform. Change nothing in it."""

import json

from wit_world.exports import transform as contract

from answers import answering, as_bytes
from built_manifest import TEXT
from mover_plugin import configuration
from plugin import Plugin

SCHEMA = json.loads(TEXT)["config_schema"]


class Codec(contract.Codec):
    def __init__(self, plugin):
        self.plugin = plugin

    @classmethod
    @answering
    def open(cls, config, key):
        return cls(Plugin(configuration(config, SCHEMA)))

    @answering
    def encode(self, chunk, input, output):
        output.write(as_bytes(self.plugin.encode(input)))

    @answering
    def decode(self, chunk, input, output):
        output.write(as_bytes(self.plugin.decode(input, chunk.plain_length)))
