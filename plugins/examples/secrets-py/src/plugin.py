"""Finds private keys and access tokens, and tells where they are, never what they are.

Read in this order: here (the entry and its pieces), `shapes` (what a secret looks like).
"""

import json

from mover_plugin import ConfigError
from shapes import NAMES, REACH, SHAPES
from verdict import Finding, Verdict

# How many places are told, the first ones; the host keeps 64.
FINDING_COUNT_MAX = 64


class Plugin:
    """Looks at one entry after another."""

    def __init__(self, config):
        """`config` fits the schema in `manifest.json`."""
        self.action = config["action"]
        for name in config["ignore"]:
            if name not in NAMES:
                raise ConfigError(f"ignore: there is no {name!r}; known: {', '.join(NAMES)}")
        self.shapes = [shape for shape in SHAPES if shape.name not in config["ignore"]]
        self.begin()

    def begin(self):
        # Where in the entry the first byte is that may still begin a secret.
        self.undecided = 0
        # The bytes from there on, behind the one before it, which may not be part of a word.
        self.tail = b""
        self.findings = []

    def look(self, piece):
        """Sees the next bytes of the entry."""
        seen = self.tail + piece
        before = min(self.undecided, 1)
        # Whether a secret begins there is up to bytes that come yet.
        end = max(before, len(seen) - REACH)
        self.search(seen, end)
        self.undecided += end - before
        self.tail = seen[max(0, end - 1) :]

    def verdict(self):
        """Answers at the end of the entry, and makes ready for another."""
        self.search(self.tail, len(self.tail))
        findings = self.findings
        self.begin()
        return Verdict(self.action, findings) if findings else Verdict()

    def search(self, seen, end):
        """Finds the secrets that begin among the undecided bytes before `end`."""
        if len(self.findings) >= FINDING_COUNT_MAX:
            return
        begin = min(self.undecided, 1)
        base = self.undecided - begin
        found = []
        for shape in self.shapes:
            for marker in shape.markers:
                # A marker may reach beyond the end, where it begins before.
                bound = end + len(marker) - 1
                place = seen.find(marker, begin, bound)
                while place >= 0:
                    match = shape.pattern.match(seen, place)
                    if match:
                        length = match.end() - place
                        found.append((base + place, length, shape.name, shape.detail(match)))
                    place = seen.find(marker, place + 1, bound)
        for place, length, name, detail in sorted(found):
            self.findings.append(Finding(name, place, length, detail))
        del self.findings[FINDING_COUNT_MAX:]

    def save(self):
        """All that `resume` needs in the middle of an entry."""
        findings = [[it.name, it.offset, it.length, it.detail] for it in self.findings]
        return json.dumps([self.undecided, self.tail.hex(), findings]).encode()

    def resume(self, state):
        """Goes on where a saved one stood; a state may be damaged, and then it raises."""
        undecided, tail, findings = json.loads(state)
        self.undecided, self.tail = undecided, bytes.fromhex(tail)
        self.findings = [Finding(*finding) for finding in findings]
        numbers = [undecided, *(number for it in self.findings for number in (it.offset, it.length))]
        if not all(type(number) is int and 0 <= number < 1 << 60 for number in numbers):
            raise ValueError("a number in it cannot be")
        if len(self.tail) > REACH + 1 or len(self.findings) > FINDING_COUNT_MAX:
            raise ValueError("it is too long")
        if undecided > 0 and not self.tail:
            raise ValueError("the byte before is missing")
        for it in self.findings:
            if it.name not in NAMES or it.detail not in ("", "passphrase=yes", "passphrase=no"):
                raise ValueError("a finding in it cannot be")
            if it.offset >= undecided or it.length > REACH:
                raise ValueError("a finding in it is where nothing was looked at")
