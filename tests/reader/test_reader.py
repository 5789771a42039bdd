"""The independent reader against stores that Mover wrote, whole and damaged.

Run by against_mover.sh, which says in PLAIN, SEALED, IDENTITY, EXPECTED and SPEC where things are.
"""

import io
import os
import random
import re
import shutil
import struct
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import crc32c
from Crypto.Cipher import ChaCha20_Poly1305

import mover_reader as reader

PLAIN, SEALED, IDENTITY, EXPECTED, SPEC = (
    os.environ[name] for name in ("PLAIN", "SEALED", "IDENTITY", "EXPECTED", "SPEC"))
ARCHIVES = ("each", "run", "both", "unchanged")


def run(*arguments: str) -> tuple[int, str]:
    """The exit code and all that was printed."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        code = reader.main(list(arguments))
    return code, output.getvalue()


def described(folder: str) -> dict:
    """Everything that the reader makes, by path."""
    found, inodes = {}, {}
    for path in sorted(Path(folder).rglob("*")) + [Path(folder)]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        target = os.readlink(path) if path.is_symlink() else ""
        name = str(path.relative_to(folder))
        first = inodes.setdefault(status.st_ino, name)
        found[name] = (status.st_mode, status.st_mtime_ns, status.st_uid, content, target, first)
    return found


def frames(data: bytes) -> list[tuple[int, int, int, int]]:
    """Offset, kind, body length and payload length of every frame."""
    places, at = [], 0
    while at < len(data):
        kind, body, payload = struct.unpack_from("<HII", data, at + 10)
        places.append((at, kind, body, payload))
        at += reader.PREFIX_LEN + body + payload
    return places


def seal(data: bytearray, at: int) -> None:
    """Makes all checksums of a frame agree again."""
    body, payload = struct.unpack_from("<II", data, at + 12)
    start = at + reader.PREFIX_LEN
    struct.pack_into("<II", data, at + 20, crc32c.crc32c(bytes(data[start:start + body])),
                     crc32c.crc32c(bytes(data[start + body:start + body + payload])))
    struct.pack_into("<I", data, at + 28, crc32c.crc32c(bytes(data[at:at + 28])))


class Vectors(unittest.TestCase):
    def setUp(self) -> None:
        text = Path(SPEC).read_text()
        self.vectors = {name: bytes.fromhex("".join(lines.split()))
                        for name, lines in re.findall(r"```vector (\S+)\n(.*?)```", text, re.S)}

    def test_frame_tag_and_entry(self) -> None:
        problems: list[str] = []
        frame, = reader.scan("vector", self.vectors["frame"], problems.append)
        self.assertEqual((frame.kind, problems), (reader.DROP, []))
        entry = reader.Entry.take(reader.Take(self.vectors["entry"]))
        self.assertEqual((entry.path, entry.mode, entry.size), (b"docs/a.txt", 0o644, 13))
        self.assertEqual(entry.mtime, 1_700_000_000_123_456_789)
        tag = self.vectors["tag"]
        self.assertEqual(crc32c.crc32c(tag[32:]), int.from_bytes(tag[28:32], "little"))

    def test_binding_and_sealed_chunk(self) -> None:
        stage = reader.Stage(True, bytes(range(0x40, 0x60)), bytes(range(0x80, 0xA0)), "c", 4)
        chunk_id = (bytes(range(0x30, 0x40)), 0, 7)
        chunk = reader.Chunk(None, chunk_id, b"", reader.DATA, 13, [], None, 0)
        made = reader.binding(chunk, reader.Context(1, [0]), [stage], 0)
        self.assertEqual(made, self.vectors["binding"])
        cipher = ChaCha20_Poly1305.new(
            key=self.vectors["sealed-key"], nonce=bytes(range(0x60, 0x78)))
        cipher.update(made)
        sealed = self.vectors["sealed-chunk"]
        self.assertEqual(cipher.decrypt_and_verify(sealed[:-16], sealed[-16:]), b"hello, world\n")


class Whole(unittest.TestCase):
    def test_every_archive_of_both_stores_comes_out_equal(self) -> None:
        for store in (PLAIN, SEALED):
            self.assertEqual(run("check", store, "--identity", IDENTITY), (0, ""))
            for name in ARCHIVES:
                with self.subTest(store=store, archive=name), tempfile.TemporaryDirectory() as into:
                    code, output = run("extract", store, name, into, "--identity", IDENTITY)
                    self.assertEqual((code, output), (0, ""))
                    self.assertEqual(described(into), described(EXPECTED))
                    code, output = run("list", store, name, "--identity", IDENTITY)
                    self.assertEqual(code, 0)
                    self.assertEqual(len(output.splitlines()), len(described(EXPECTED)))

    def test_without_the_key_nothing_comes_out_and_a_wrong_one_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as into:
            self.assertEqual(run("extract", SEALED, "each", into)[0], 2)
            self.assertEqual(os.listdir(into), [])
        wrong = Path(tempfile.mkdtemp()) / "identity"
        import pyrage
        wrong.write_text(str(pyrage.x25519.Identity.generate()))
        self.assertEqual(run("check", SEALED, "--identity", str(wrong))[0], 2)
        self.assertEqual(run("list", "/nowhere")[0], 2)


class Damaged(unittest.TestCase):
    def setUp(self) -> None:
        self.work = tempfile.TemporaryDirectory()
        self.random = random.Random(1)

    def tearDown(self) -> None:
        self.work.cleanup()

    def harmed(self, store: str, harm, volume: str = "00000001.volume") -> str:
        """A copy of a store, with one volume changed by `harm`."""
        copy = os.path.join(self.work.name, f"copy{self.random.random()}")
        shutil.copytree(store, copy)
        path = Path(copy) / "volumes" / volume
        data = bytearray(path.read_bytes())
        changed = harm(data)
        path.write_bytes(data if changed is None else changed)
        return copy

    def test_a_turned_bit_in_any_kind_of_frame_is_named(self) -> None:
        data = (Path(PLAIN) / "volumes/00000001.volume").read_bytes()
        by_kind: dict[int, tuple[int, int, int, int]] = {}
        for place in frames(data):
            by_kind.setdefault(place[1], place)
        self.assertGreaterEqual(len(by_kind), 8)
        for at, kind, body, payload in by_kind.values():
            spots = {"prefix": at + 9, "body": at + 32 + self.random.randrange(body)}
            if payload:
                spots["payload"] = at + 32 + body + self.random.randrange(payload)
            for part, spot in spots.items():
                with self.subTest(kind=kind, part=part):
                    def flip(data: bytearray, spot: int = spot) -> None:
                        data[spot] ^= 1 << self.random.randrange(8)
                    code, output = run("check", self.harmed(PLAIN, flip))
                    self.assertEqual(code, 1)
                    self.assertIn("00000001.volume", output)

    def test_a_lost_chunk_costs_what_is_in_it_and_nothing_else(self) -> None:
        def flip(data: bytearray) -> None:
            at, _, body, payload = [place for place in frames(bytes(data))
                                    if place[1] == reader.CHUNK][2]
            data[at + 32 + body + payload // 2] ^= 4
        store = self.harmed(PLAIN, flip)
        into = os.path.join(self.work.name, "out")
        code, output = run("extract", store, "each", into)
        self.assertEqual(code, 1)
        got, whole = described(into), described(EXPECTED)
        self.assertLess(len(got), len(whole))
        for path in got.keys() - {".", "folder"}:
            self.assertEqual(got[path][3], whole[path][3], path)

    def test_a_cut_volume_hides_what_was_not_finished(self) -> None:
        store = self.harmed(PLAIN, lambda data: data[:len(data) // 2])
        code, output = run("check", store)
        self.assertEqual(code, 1, output)

    def test_the_cipher_notices_a_change_with_right_checksums(self) -> None:
        def change(data: bytearray) -> None:
            at, _, body, _ = next(place for place in frames(bytes(data))
                                  if place[1] == reader.CHUNK)
            data[at + 32 + body + 5] ^= 1
            seal(data, at)
        code, output = run("check", self.harmed(SEALED, change), "--identity", IDENTITY)
        self.assertEqual(code, 1)
        self.assertIn("chacha20poly1305", output)

    def test_the_cipher_notices_a_chunk_under_another_number(self) -> None:
        def renumber(data: bytearray) -> None:
            places = frames(bytes(data))
            at = next(place[0] for place in places if place[1] == reader.CHUNK)
            footer = next(place[0] for place in places if place[0] > at)
            for frame in (at, footer):
                struct.pack_into("<Q", data, frame + 32 + 20, 999)
                seal(data, frame)
        code, output = run("check", self.harmed(SEALED, renumber), "--identity", IDENTITY)
        self.assertEqual(code, 1)
        self.assertIn("chacha20poly1305", output)

    def test_a_later_version_is_not_taken_for_damage(self) -> None:
        def later(data: bytearray) -> None:
            struct.pack_into("<H", data, 8, 7)
            seal(data, 0)
        code, output = run("check", self.harmed(PLAIN, later))
        self.assertEqual(code, 2)
        self.assertIn("version 7", output)

    def test_an_unknown_kind_is_stepped_over_and_told(self) -> None:
        def unknown(data: bytearray) -> None:
            at = next(place[0] for place in frames(bytes(data)) if place[1] == reader.SESSION_END)
            struct.pack_into("<H", data, at + 10, 99)
            seal(data, at)
        code, output = run("check", self.harmed(PLAIN, unknown))
        self.assertEqual(code, 1)
        self.assertIn("unknown kind 99", output)

    def test_lengths_that_lie_are_not_believed(self) -> None:
        def lie(data: bytearray) -> None:
            struct.pack_into("<I", data, 12, 0xFFFFFFF0)
            struct.pack_into("<I", data, 28, crc32c.crc32c(bytes(data[:28])))
        self.assertEqual(run("check", self.harmed(PLAIN, lie))[0], 1)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
