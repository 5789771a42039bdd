import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "kit"), str(ROOT / "src")]

from mover_plugin import ConfigError  # noqa: E402
from plugin import Plugin  # noqa: E402


class FindsAWord(unittest.TestCase):
    def test_the_word_is_found_wherever_it_stands(self):
        plugin = Plugin({"word": "aba", "action": "hold"})
        for piece in (b"ab", b"aba, a", b"", b"ba"):
            plugin.look(piece)
        verdict = plugin.verdict()
        self.assertEqual(verdict.action, "hold")
        self.assertEqual([finding.offset for finding in verdict.findings], [0, 2, 7])

    def test_entries_without_it_pass(self):
        plugin = Plugin({"word": "aba", "action": "hold"})
        plugin.look(b"ab")
        self.assertEqual(plugin.verdict().action, "pass")
        plugin.look(b"a")
        self.assertEqual(plugin.verdict().action, "pass")

    def test_a_saved_one_goes_on_where_it_stood(self):
        config = {"word": "aba", "action": "tag"}
        first, second = Plugin(config), Plugin(config)
        first.look(b"aba--ab")
        second.resume(first.save())
        second.look(b"a")
        self.assertEqual([it.offset for it in second.verdict().findings], [0, 5])

    def test_no_word_is_told_by_its_key(self):
        with self.assertRaisesRegex(ConfigError, "word: it has from 1 to 1000 bytes"):
            Plugin({"word": "", "action": "tag"})


if __name__ == "__main__":
    unittest.main()
