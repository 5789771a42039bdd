"""Joins `src/plugin.py` to the contract of a dedupe component. Change nothing in it."""

import json

from wit_world.exports import dedupe as contract

from answers import answering
from built_manifest import TEXT
from crc32c import crc32c
from mover_plugin import configuration
from plugin import Plugin

SCHEMA = json.loads(TEXT)["config_schema"]
# The contract's bound for a block, in bytes.
BLOCK_LENGTH_MAX = 1 << 20


class Cutter(contract.Cutter):
    def __init__(self, plugin):
        self.plugin = plugin
        if not 1 <= plugin.block_length_max <= BLOCK_LENGTH_MAX:
            bound = f"blocks of up to {plugin.block_length_max} bytes"
            raise ValueError(f"{bound}; from 1 to {BLOCK_LENGTH_MAX} may be")

    @classmethod
    @answering
    def open(cls, config):
        return cls(Plugin(configuration(config, SCHEMA)))

    def block_length_max(self):
        return self.plugin.block_length_max

    @answering
    def cut(self, window, ends):
        cuts = []
        start = 0
        for end in ends:
            cuts += self.blocks(window[start:end], True)
            start = end
        return cuts + self.blocks(window[start:], False)

    def blocks(self, data, last):
        """The blocks at the head of `data`, each with its CRC."""
        blocks = []
        start = 0
        lengths = self.plugin.cut(data, last) if data else []
        rest = len(data) - sum(lengths)
        if last and rest > 0:
            lengths = [*lengths, rest]
        for length in lengths:
            block = data[start : start + length]
            if not 1 <= length == len(block) <= self.plugin.block_length_max:
                message = f"a block of {length} bytes was cut from {len(data) - start}"
                raise ValueError(f"{message}, and at most {self.plugin.block_length_max} may be")
            blocks.append(contract.Cut(length, crc32c(block)))
            start += length
        return blocks
