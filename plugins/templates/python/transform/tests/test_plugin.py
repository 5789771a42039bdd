import pathlib
import random
import sys
import unittest

ROOT = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "kit"), str(ROOT / "src")]

from mover_plugin import CorruptError  # noqa: E402
from plugin import Plugin  # noqa: E402


class LeavesOutZeros(unittest.TestCase):
    def test_every_chunk_comes_back(self):
        plugin = Plugin({"shortest": 16})
        mixed = bytes([1, 2, 3]) + bytes(100) + bytes([4] * 20) + bytes(15) + bytes([5])
        for chunk in (b"", b"a", bytes(1), bytes(100_000), mixed):
            self.assertEqual(plugin.decode(plugin.encode(chunk), len(chunk)), chunk)
        self.assertEqual(len(plugin.encode(mixed)), 8 + 3 + 8 + 20 + 15 + 1)

    def test_damaged_chunks_are_errors_or_other_bytes(self):
        plugin = Plugin({"shortest": 16})
        chunk = b"some text" + bytes(1000) + b"more"
        encoded = plugin.encode(chunk)
        dice = random.Random(1)
        for _ in range(10_000):
            damaged = bytearray(encoded)
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            try:
                self.assertEqual(len(plugin.decode(bytes(damaged), len(chunk))), len(chunk))
            except CorruptError:
                pass


if __name__ == "__main__":
    unittest.main()
