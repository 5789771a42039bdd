"""Joins `src/plugin.py` to the contract of a transform. Change nothing in it."""

import json

from componentize_py_types import Err
from wit_world.exports import transform as contract
from wit_world.imports.types import Error, ErrorKind

from built_manifest import TEXT
from mover_plugin import ConfigError, CorruptError, configuration
from plugin import Plugin

SCHEMA = json.loads(TEXT)["config_schema"]


class Codec(contract.Codec):
    def __init__(self, plugin):
        self.plugin = plugin

    @classmethod
    def open(cls, config, key):
        try:
            return cls(Plugin(configuration(config, SCHEMA)))
        except ConfigError as error:
            raise Err(Error(ErrorKind.INVALID_CONFIG, str(error))) from None

    def encode(self, chunk, input, output):
        output.write(self.plugin.encode(input))

    def decode(self, chunk, input, output):
        try:
            plain = self.plugin.decode(input, chunk.plain_length)
        except CorruptError as error:
            raise Err(Error(ErrorKind.CORRUPT_INPUT, str(error))) from None
        output.write(plain)
