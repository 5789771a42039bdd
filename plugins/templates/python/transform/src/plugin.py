"""Leaves out runs of zeros, which sparse files and disk images have many of.

An encoded chunk is a sequence of runs: how many other bytes, how many zeros after them (both as
32 bits, little-endian), and the other bytes.
"""

import re
import struct

from mover_plugin import CorruptError

RUN = struct.Struct("<II")


class Plugin:
    """One configured encoder and decoder, for one chunk after another, in any order."""

    def __init__(self, config):
        """`config` fits the schema in `manifest.json`."""
        self.zeros = re.compile(rb"\x00{%d,}" % config["shortest"])

    def encode(self, chunk):
        """Gives the encoded form: at most an eighth longer, and 1 KiB."""
        encoded = bytearray()
        start = 0
        for run in self.zeros.finditer(chunk):
            encoded += RUN.pack(run.start() - start, run.end() - run.start())
            encoded += chunk[start : run.start()]
            start = run.end()
        encoded += RUN.pack(len(chunk) - start, 0)
        encoded += chunk[start:]
        return bytes(encoded)

    def decode(self, encoded, plain_length):
        """Gives exactly the chunk. The input may be anything: no length in it is believed."""
        plain = bytearray()
        position = 0
        while position < len(encoded):
            if len(encoded) - position < RUN.size:
                raise CorruptError("a length ends too early")
            others, zeros = RUN.unpack_from(encoded, position)
            position += RUN.size
            if others > len(encoded) - position:
                raise CorruptError("a run ends too early")
            if others + zeros > plain_length - len(plain):
                raise CorruptError("there is more than the chunk held")
            plain += encoded[position : position + others]
            plain += bytes(zeros)
            position += others
        if len(plain) != plain_length:
            raise CorruptError("there is less than the chunk held")
        return bytes(plain)
