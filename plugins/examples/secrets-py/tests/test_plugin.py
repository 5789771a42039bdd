import pathlib
import random
import sys
import unittest

ROOT = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "kit"), str(ROOT / "src")]

from mover_plugin import ConfigError  # noqa: E402
from plugin import FINDING_COUNT_MAX, Plugin  # noqa: E402
from shapes import NAMES, REACH  # noqa: E402

# Made up from parts, so that this file is not taken for one that holds secrets.
DASHES = b"-" * 5
BODY = b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\n"
OPENSSH = DASHES + b"BEGIN OPENSSH PRIVATE KEY" + DASHES + b"\nb3BlbnNzaC1rZXktdjEAAAAA"
SECRETS = {
    "private_key_pem": DASHES + b"BEGIN RSA PRIVATE KEY" + DASHES + b"\r\n" + BODY,
    "private_key_openssh": OPENSSH + b"BG5vbmUAAAAEbm9uZQ",
    "private_key_age": b"AGE-SECRET-" + b"KEY-1" + b"Q" * 58,
    "access_key_aws": b"AK" + b"IA" + b"QRSTUVWX23456777",
    "secret_key_aws": b"aws_secret" + b'_access_key = "' + b"Ab/+" * 10,
    "token_github": b"gh" + b"p_" + b"Ab3" * 12,
    "token_gitlab": b"gl" + b"pat-" + b"x-_9" * 5,
    "token_google": b"AI" + b"za" + b"Sy_-9" * 7,
    "token_npm": b"np" + b"m_" + b"Ab3" * 12,
    "token_pypi": b"pypi-" + b"AgEIcHlwaS5vcmc" + b"Ab_-" * 20,
    "token_slack": b"xo" + b"xb-" + b"1234567890-" * 2 + b"Ab3" * 4,
    "token_stripe": b"sk" + b"_live_" + b"Ab3" * 8,
}


def verdict(pieces, **config):
    plugin = Plugin({"action": "hold", "ignore": [], **config})
    for piece in pieces:
        plugin.look(piece)
    return plugin.verdict()


def places(pieces, **config):
    return [(it.name, it.offset) for it in verdict(pieces, **config).findings]


class FindsSecrets(unittest.TestCase):
    def test_there_is_a_sample_of_each(self):
        self.assertEqual(list(SECRETS), NAMES)

    def test_each_is_found_wherever_a_piece_ends(self):
        for name, secret in SECRETS.items():
            entry = b"= " + secret + b"\n" + bytes(2 * REACH)
            for cut in range(len(secret) + 5):
                self.assertEqual(places([entry[:cut], entry[cut:]]), [(name, 2)], cut)

    def test_each_is_found_at_the_end_of_an_entry(self):
        for name, secret in SECRETS.items():
            entry = bytes(3 * REACH) + secret
            for cut in (1, REACH, 2 * REACH + 1, 3 * REACH + 5):
                self.assertEqual(places([entry[:cut], entry[cut:]]), [(name, 3 * REACH)])

    def test_what_is_part_of_a_word_or_too_short_is_none(self):
        for name, secret in SECRETS.items():
            if name.startswith(("token", "access")):
                self.assertEqual(places([b"x" + secret]), [])
            self.assertEqual(places([secret[: len(secret) // 2]]), [])

    def test_the_id_of_the_manual_is_none(self):
        self.assertEqual(places([b"AK" + b"IAIOSFODNN7EXAMPLE"]), [])

    def test_a_byte_before_counts_across_pieces(self):
        token = SECRETS["token_github"]
        for fill in (b"x", b" "):
            entry = bytes(REACH) + fill + token + bytes(2 * REACH)
            expected = [("token_github", REACH + 1)] if fill == b" " else []
            for cut in range(REACH - 3, 2 * REACH + 6):
                self.assertEqual(places([entry[:cut], entry[cut:]]), expected, cut)

    def test_all_pieces_are_as_good(self):
        dice = random.Random(1)
        parts = [*SECRETS.values(), b" ", b"\n", b"x", bytes(300)]
        entry = b"".join(dice.choices(parts, k=400))
        whole = verdict([entry])
        self.assertEqual(len(whole.findings), FINDING_COUNT_MAX)
        for _ in range(20):
            cuts = sorted(dice.choices(range(len(entry)), k=9))
            pieces = [entry[a:b] for a, b in zip([0, *cuts], [*cuts, len(entry)])]
            self.assertEqual(verdict(pieces), whole)


class TellsWhatItMay(unittest.TestCase):
    def test_keys_with_and_without_a_passphrase(self):
        def begin(kind):
            return DASHES + b"BEGIN " + kind + b"PRIVATE KEY" + DASHES

        legacy = b"\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123456789ABCDEF\n\n"
        for key, passphrase in (
            (SECRETS["private_key_openssh"], "no"),
            (OPENSSH + b"CmFlczI1Ni1jdHI", "yes"),
            (begin(b"") + b"\\n" + BODY, "no"),
            (begin(b"ENCRYPTED ") + b"\n" + BODY, "yes"),
            (begin(b"EC ") + legacy + BODY, "yes"),
        ):
            details = [it.detail for it in verdict([key]).findings]
            self.assertEqual(details, [f"passphrase={passphrase}"])

    def test_no_secret_is_in_a_finding(self):
        for secret in SECRETS.values():
            for finding in verdict([secret]).findings:
                self.assertIn(finding.detail, ("", "passphrase=no"))
                self.assertEqual((finding.offset, finding.length <= len(secret)), (0, True))

    def test_what_is_ignored_is_not_found(self):
        token = SECRETS["token_slack"]
        self.assertEqual(verdict([token], ignore=["token_slack"]).action, "pass")
        self.assertEqual(verdict([token], ignore=["token_npm"]).action, "hold")

    def test_a_name_that_there_is_not_is_told_by_its_key(self):
        with self.assertRaisesRegex(ConfigError, "^ignore: there is no 'slack'; known: private"):
            Plugin({"action": "tag", "ignore": ["slack"]})


class GoesOn(unittest.TestCase):
    def test_a_saved_one_goes_on_where_it_stood(self):
        config = {"action": "tag", "ignore": []}
        entry = b" ".join(SECRETS.values()) + bytes(REACH)
        for cut in range(0, len(entry), 7):
            first, second = Plugin(config), Plugin(config)
            first.look(entry[:cut])
            second.resume(first.save())
            second.look(entry[cut:])
            self.assertEqual(second.verdict(), verdict([entry], action="tag"))

    def test_a_damaged_state_is_refused(self):
        first = Plugin({"action": "tag", "ignore": []})
        first.look(SECRETS["token_npm"] + bytes(2 * REACH))
        right = first.save()
        for one, other in ((b"token_npm", b"token_xyz"), (b"[552", b"[-52"), (b"00", b"0x")):
            self.assertIn(one, right)
            with self.assertRaises(ValueError):
                Plugin({"action": "tag", "ignore": []}).resume(right.replace(one, other))


if __name__ == "__main__":
    unittest.main()
