import pathlib
import random
import sys
import unittest

ROOT = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "kit"), str(ROOT / "src")]

from crc32c import MULTIPLES, crc32c  # noqa: E402
from plugin import Plugin  # noqa: E402


class CutsPages(unittest.TestCase):
    def test_what_is_no_whole_page_waits_for_more(self):
        plugin = Plugin({"page": 1000})
        for length, pages in ((1, 0), (999, 0), (1000, 1), (1001, 1), (65_000, 65)):
            self.assertEqual(plugin.cut(bytes(length), False), [1000] * pages)

    def test_it_starts_afresh_at_every_cut(self):
        plugin = Plugin({"page": 4096})
        entry = bytes(100_000)
        lengths = plugin.cut(entry, True)
        self.assertEqual(plugin.cut(entry[sum(lengths[:7]) :], True), lengths[7:])


class ComputesCrcs(unittest.TestCase):
    def test_the_check_value_of_the_catalogues(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    def test_every_multiple_has_no_remainder(self):
        for degree, powers in MULTIPLES[-8:]:
            self.assertEqual(remainder(sum(1 << power for power in (degree, *powers))), 0)

    def test_it_is_the_remainder_at_every_length(self):
        dice = random.Random(1)
        for length in (*range(300), 511, 512, 4095, 65_537):
            block = dice.randbytes(length)
            # The first bit is the highest power; 32 zeros behind, and ones before and after.
            bits = int.from_bytes(block, "little") ^ 0xFFFFFFFF
            highest_first = int(f"{bits:0{8 * length + 32}b}"[::-1], 2)
            lowest_first = int(f"{remainder(highest_first):032b}"[::-1], 2)
            self.assertEqual(crc32c(block), lowest_first ^ 0xFFFFFFFF)


def remainder(bits):
    """Divides by the polynomial of CRC-32C, bit by bit."""
    while (surplus := bits.bit_length() - 33) >= 0:
        bits ^= 0x11EDC6F41 << surplus
    return bits


if __name__ == "__main__":
    unittest.main()
