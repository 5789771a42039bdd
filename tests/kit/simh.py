"""Writes the records of a tape in the format of SIMH to standard output, in their order.

It shares no code with Mover: the format is that of SIMH's own document.
"""

import struct
import sys

with open(sys.argv[1], "rb") as tape:
    data = tape.read()
at = 0
while at < len(data):
    (length,) = struct.unpack_from("<I", data, at)
    at += 4
    if length:  # 0 is a filemark
        sys.stdout.buffer.write(data[at:at + length])
        at += length + length % 2
        assert struct.unpack_from("<I", data, at)[0] == length
        at += 4
