import pathlib
import random
import sys
import unittest

ROOT = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "kit"), str(ROOT / "src")]

from plugin import PART_LENGTH, Plugin  # noqa: E402


def changed(distance, direction, pieces):
    plugin = Plugin({"distance": distance}, direction)
    return b"".join(map(plugin.next, pieces)) + plugin.finish()


class KeepsDifferences(unittest.TestCase):
    def test_every_entry_comes_back_whatever_its_pieces(self):
        dice = random.Random(1)
        for distance in (1, 3, 4096):
            for length in (0, 1, 2, 5000, PART_LENGTH + 1):
                entry = dice.randbytes(length)
                first, second = sorted(dice.randrange(length + 1) for _ in range(2))
                pieces = [entry[:first], entry[first:second], entry[second:]]
                differences = changed(distance, "apply", pieces)
                self.assertEqual(differences, changed(distance, "apply", [entry]))
                pieces = [differences[:second], differences[second:]]
                self.assertEqual(changed(distance, "undo", pieces), entry)

    def test_each_byte_is_a_difference_modulo_256(self):
        entry = random.Random(2).randbytes(3000)
        expected = [(it - before) % 256 for it, before in zip(entry, bytes(7) + entry)]
        self.assertEqual(changed(7, "apply", [entry]), bytes(expected))

    def test_bytes_that_grow_steadily_become_equal(self):
        self.assertEqual(changed(2, "apply", [bytes([1, 5, 2, 6, 3, 7])]), bytes([1, 5, 1, 1, 1, 1]))

    def test_the_next_entry_knows_nothing_of_this_one(self):
        plugin = Plugin({"distance": 2}, "apply")
        plugin.next(b"some entry")
        plugin.finish()
        self.assertEqual(plugin.next(b"another"), changed(2, "apply", [b"another"]))


if __name__ == "__main__":
    unittest.main()
