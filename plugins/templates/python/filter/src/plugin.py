"""Keeps the difference of each byte to one before it, which compresses better where data is
numbers or pixels.

Python needs longer for one byte than for adding two numbers of 64 KiB: all bytes of a part are one
large `int`, and each sum or difference of two such numbers does all bytes at once, in C.
"""

from functools import lru_cache

# Larger ones are slower: they do not fit into a processor's nearest memory.
PART_LENGTH = 64 << 10


class Plugin:
    """One entry on its way through, and then another."""

    def __init__(self, config, direction):
        """`config` fits the schema in `manifest.json`; `direction` is apply or undo."""
        self.distance = config["distance"]
        self.change = {"apply": self.differences, "undo": self.sums}[direction]
        self.begin()

    def begin(self):
        # The last plain bytes, as many as the distance has.
        self.before = bytes(self.distance)

    def next(self, piece):
        """Takes the next bytes of the entry, in pieces of any length; gives what can be written."""
        parts = range(0, len(piece), PART_LENGTH)
        return b"".join([self.change(piece[start : start + PART_LENGTH]) for start in parts])

    def finish(self):
        """Gives the rest, of which there is none, and makes ready for another entry."""
        self.begin()
        return b""

    def differences(self, part):
        both = self.before + part
        self.before = both[len(part) :]
        # The first byte is the highest: shifted to the right, each stands where a later one was.
        plain = int.from_bytes(both, "big")
        changed = subtract(plain, plain >> 8 * self.distance, len(both))
        return changed.to_bytes(len(both), "big")[self.distance :]

    def sums(self, part):
        length = self.distance + len(part)
        total = int.from_bytes(self.before + part, "big")
        # Each byte is the sum of 1, then 2, then 4 that are a distance apart, at last of all.
        step = self.distance
        while step < length:
            total = add(total, total >> 8 * step, length)
            step *= 2
        plain = total.to_bytes(length, "big")
        self.before = plain[len(part) :]
        return plain[self.distance :]


@lru_cache(maxsize=4)
def masks(length):
    """The highest bit of each byte, and the seven others."""
    return int.from_bytes(b"\x80" * length, "big"), int.from_bytes(b"\x7f" * length, "big")


def add(one, other, length):
    """Adds the bytes that stand at one place, and no carry goes from one to the next."""
    high, low = masks(length)
    return (one & low) + (other & low) ^ (one ^ other) & high


def subtract(one, other, length):
    """Takes each byte of `other` from the one at its place, and none borrows from the next."""
    high, low = masks(length)
    return (one | high) - (other & low) ^ (one ^ other ^ high) & high
