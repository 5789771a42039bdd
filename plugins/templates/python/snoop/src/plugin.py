"""Finds a word in plain data."""

import json

from mover_plugin import ConfigError
from verdict import Finding, Verdict

# How many places are told; the host keeps 64.
PLACE_COUNT_MAX = 64


class Plugin:
    """Looks at one entry after another."""

    def __init__(self, config):
        """`config` fits the schema in `manifest.json`."""
        self.word = config["word"].encode()
        if not 1 <= len(self.word) <= 1000:
            raise ConfigError("word: it has from 1 to 1000 bytes")
        self.action = config["action"]
        self.begin()

    def begin(self):
        self.offset = 0
        # The last bytes of the entry, one less than the word has: it may lie across a border.
        self.tail = b""
        self.places = []

    def look(self, piece):
        """Sees the next bytes of the entry."""
        seen = self.tail + piece
        base = self.offset - len(self.tail)
        place = seen.find(self.word)
        while place >= 0 and len(self.places) < PLACE_COUNT_MAX:
            self.places.append(base + place)
            place = seen.find(self.word, place + 1)
        self.offset += len(piece)
        self.tail = seen[max(0, len(seen) - len(self.word) + 1) :]

    def verdict(self):
        """Answers at the end of the entry, and makes ready for another."""
        findings = [Finding("word", place, len(self.word)) for place in self.places]
        self.begin()
        return Verdict(self.action, findings) if findings else Verdict()

    def save(self):
        """All that `resume` needs in the middle of an entry."""
        return json.dumps([self.offset, self.tail.hex(), self.places]).encode()

    def resume(self, state):
        """Goes on where a saved one stood; a state may be damaged, and then it raises."""
        offset, tail, places = json.loads(state)
        self.tail = bytes.fromhex(tail)
        self.offset, self.places = offset, places
        numbers = [offset, *places]
        if not all(isinstance(number, int) and 0 <= number < 1 << 60 for number in numbers):
            raise ValueError("a number in it cannot be")
        if len(places) > PLACE_COUNT_MAX or len(self.tail) >= len(self.word):
            raise ValueError("it is too long")
        if len(self.tail) > offset:
            raise ValueError("there is more of the entry than was seen")
