"""An independent reader of Mover's format: list, extract and check, from format/SPEC.md alone.

It shares no code with Mover, reads nothing but the volumes, and trusts no length before its
checksum. Section numbers in comments are those of the specification.
"""

from __future__ import annotations

import argparse
import os
import stat
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator

import blake3
import crc32c
import pyrage
import zstandard
from Crypto.Cipher import ChaCha20_Poly1305

MAGIC = bytes.fromhex("19d11fa5cbf2a382")
BINDING_MAGIC = bytes.fromhex("82407af727211216")
VERSION = 1
PREFIX_LEN = 32
MIB = 1 << 20
(LABEL, _FOOTER, GROUP, COMPONENT, SESSION, SESSION_END, ARCHIVE, ARCHIVE_END, DROP, RUN, RUN_END,
 CHUNK, CHUNK_END, _PADDING) = range(1, 15)
DATA, PAGE, ROOT = 1, 2, 3
INDEX_STREAM = 0xFFFFFFFF
MANDATORY = 0x8000

ChunkId = tuple[bytes, int, int]


class Damage(Exception):
    """The bytes are not what the specification lets them be."""


class Cannot(Exception):
    """Nothing can be read: no store, no key, a later version."""


class Take:
    """Takes values off the front of bytes, never past their end (1.2)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def raw(self, length: int) -> bytes:
        if len(self.data) - self.at < length:
            raise Damage(f"cut short: {length} bytes needed")
        self.at += length
        return self.data[self.at - length:self.at]

    def u8(self) -> int:
        return self.raw(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.raw(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.raw(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.raw(8), "little")

    def flag(self) -> bool:
        value = self.u8()
        if value > 1:
            raise Damage("a flag is 0 or 1")
        return value == 1

    def bytes(self, limit: int) -> bytes:
        length = self.u32()
        if length > limit:
            raise Damage(f"{length} bytes pass the limit of {limit}")
        return self.raw(length)

    def text(self, limit: int = 1024) -> str:
        try:
            return self.bytes(limit).decode()
        except UnicodeDecodeError as error:
            raise Damage("text is not UTF-8") from error

    def timestamp(self) -> int:
        seconds, nanoseconds = struct.unpack("<qI", self.raw(12))
        if nanoseconds > 999_999_999:
            raise Damage("too many nanoseconds")
        return seconds * 1_000_000_000 + nanoseconds

    def chunk_id(self) -> ChunkId:
        return self.raw(16), self.u32(), self.u64()

    def count(self, limit: int, size: int) -> int:
        count = self.u32()
        if count > limit or count * size > len(self.data) - self.at:
            raise Damage(f"a count of {count} cannot be")
        return count

    def left(self) -> bool:
        return self.at < len(self.data)

    def end(self) -> None:
        if self.left():
            raise Damage("bytes follow the last field")


@dataclass
class Frame:
    volume: str
    offset: int
    kind: int
    body: bytes
    payload: bytes
    payload_is_whole: bool


def scan(volume: str, data: bytes, report: Callable[[str], None]) -> Iterator[Frame]:
    """Every frame of a volume (3.2, 3.3)."""
    at = 0
    while at < len(data):
        head = data[at:at + PREFIX_LEN]
        sound = len(head) == PREFIX_LEN and head[:8] == MAGIC
        sound = sound and crc32c.crc32c(head[:28]) == int.from_bytes(head[28:], "little")
        if sound:
            version, kind, body_len, payload_len, body_crc, payload_crc = struct.unpack_from(
                "<HHIIII", head, 8)
            if version > VERSION or version == 0:
                raise Cannot(f"{volume}: format version {version} is not one that this reader knows")
            sound = body_len <= 16 * MIB and payload_len <= 64 * MIB
        if not sound:
            found = data.find(MAGIC, at + 1)
            found = len(data) if found < 0 else found
            report(f"{volume}: {found - at} bytes at {at:#x} are no frame")
            at = found
            continue
        end = at + PREFIX_LEN + body_len + payload_len
        if end > len(data):
            report(f"{volume}: the frame at {at:#x} is torn")
            return
        body = data[at + PREFIX_LEN:at + PREFIX_LEN + body_len]
        payload = data[at + PREFIX_LEN + body_len:end]
        payload_is_whole = crc32c.crc32c(payload) == payload_crc
        if not 1 <= kind <= 14:
            report(f"{volume}: the frame at {at:#x} has the unknown kind {kind}")
        elif crc32c.crc32c(body) != body_crc:
            report(f"{volume}: the body of the frame at {at:#x} is damaged")
        else:
            if not payload_is_whole:
                report(f"{volume}: the payload of the frame at {at:#x} is damaged")
            yield Frame(volume, at, kind, body, payload, payload_is_whole)
        at = end


def options(take: Take) -> dict[int, list[bytes]]:
    """An options header (6.2)."""
    inner, items, last = Take(take.bytes(65536)), {}, 0
    while inner.left():
        key, value = inner.u16(), inner.bytes(65536)
        if key < last:
            raise Damage("keys of options do not ascend")
        if key & MANDATORY:
            raise Damage(f"a mandatory option {key:#x} is not known")
        last = key
        items.setdefault(key, []).append(value)
    return items


@dataclass
class Context:
    epoch: int
    chain: list[int]

    @staticmethod
    def take(take: Take) -> Context:
        epoch, count = take.u32(), take.u16()
        if count > 16:
            raise Damage("the chain is too long")
        chain = [take.u16() for _ in range(count)]
        options(take)
        return Context(epoch, chain)


@dataclass
class Stage:
    keyed: bool
    digest: bytes
    config_digest: bytes
    name: str
    role: int


@dataclass
class Session:
    stages: list[Stage]
    epochs: dict[int, tuple[bytes, bytes]]

    @staticmethod
    def parse(body: bytes) -> tuple[bytes, Session]:
        take = Take(body)
        session = take.raw(16)
        take.raw(16), take.text(), take.raw(32), take.text(), take.timestamp()
        stages = []
        for _ in range(take.count(256, 78)):
            role, keyed, digest, config_digest = (
                take.u8(), take.flag(), take.raw(32), take.raw(32))
            name, _version, config = take.text(), take.text(), take.text(MIB)
            if blake3.blake3(config.encode()).digest() != config_digest:
                raise Damage("a configuration is not that of its digest")
            stages.append(Stage(keyed, digest, config_digest, name, role))
        epochs = {}
        for _ in range(take.count(64, 24)):
            number = take.u32()
            epochs[number] = (take.raw(16), take.bytes(65536))
        take.end()
        return session, Session(stages, epochs)


@dataclass
class Group:
    revision: int
    recipient: str
    members: list[tuple[int, str, bytes]]

    @staticmethod
    def parse(body: bytes) -> tuple[bytes, Group]:
        take = Take(body)
        group, revision = take.raw(16), take.u32()
        take.timestamp()
        recipient = take.text()
        members = [(take.u8(), take.text(), take.bytes(65536))
                   for _ in range(take.count(1024, 9))]
        take.end()
        if revision == 0:
            raise Damage("a revision is at least 1")
        return group, Group(revision, recipient, members)


@dataclass
class Chunk:
    frame: Frame
    id: ChunkId
    session: bytes
    kind: int
    plain_length: int
    records: list[tuple[int, bytes]]
    context: Context | None
    run: int

    @staticmethod
    def parse(frame: Frame) -> Chunk:
        take = Take(frame.body)
        chunk_id, session = take.chunk_id(), take.raw(16)
        kind, place, plain_length, count = take.u8(), take.u8(), take.u32(), take.u16()
        if kind not in (DATA, PAGE, ROOT) or plain_length > 16 * MIB or count > 16:
            raise Damage("a chunk header that cannot be")
        if (kind == DATA) == (chunk_id[1] == INDEX_STREAM):
            raise Damage("a chunk in a stream that is not for its kind")
        records = [(take.u32(), take.bytes(64)) for _ in range(count)]
        if records and records[0][0] != plain_length:
            raise Damage("the first stage does not begin with the plain bytes")
        context, run = None, 0
        if place == 1:
            context = Context.take(take)
            if len(context.chain) != count:
                raise Damage("chain and stage records differ in number")
        elif place == 2:
            run = take.u64()
        else:
            raise Damage("a context's place is 1 or 2")
        take.end()
        return Chunk(frame, chunk_id, session, kind, plain_length, records, context, run)


@dataclass
class Archive:
    id: bytes
    name: str
    finished: bool = False
    dropped: bool = False
    entries: int = 0
    pages: int = 0
    roots: int = 0


@dataclass
class Entry:
    path: bytes
    kind: int
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    link_group: int
    target: bytes
    verdict: int = 0
    extents: list[tuple] = field(default_factory=list)
    number: int = 0

    @staticmethod
    def take(take: Take) -> Entry:
        kind, zero, mode, uid, gid = take.u8(), take.u8(), take.u16(), take.u32(), take.u32()
        if not 1 <= kind <= 7 or zero or mode > 0o7777:
            raise Damage("an entry that cannot be")
        mtime = take.timestamp()
        take.timestamp()
        size = take.u64()
        take.raw(24)
        link_group, path, target = take.u64(), take.bytes(MIB), take.bytes(MIB)
        for _ in range(take.count(4096, 8)):
            take.bytes(1024), take.bytes(MIB)
        return Entry(path, kind, mode, uid, gid, mtime, size, link_group, target)

    def is_safe(self) -> bool:
        return self.path == b"" or all(
            name not in (b"", b".", b"..") and b"\0" not in name for name in self.path.split(b"/"))


class Store:
    """All volumes of a store, scanned from their beginnings."""

    def __init__(self, folder: str, identity: str | None) -> None:
        self.problems: list[str] = []
        self.groups: dict[bytes, Group] = {}
        self.sessions: dict[bytes, Session] = {}
        self.archives: dict[bytes, Archive] = {}
        self.chunks: dict[ChunkId, Chunk] = {}
        self.runs: dict[tuple[bytes, int, int], Context] = {}
        self.components: set[bytes] = set()
        self.epoch_keys: dict[tuple[bytes, int], bytes] = {}
        self.secrets: dict[bytes, pyrage.x25519.Identity] = {}
        self.secret_given = identity
        volumes = sorted(Path(folder).glob("volumes/*.volume"))
        if not volumes:
            raise Cannot(f"no store at {folder}")
        for path in volumes:
            last: Chunk | None = None
            for frame in scan(path.name, path.read_bytes(), self.problems.append):
                try:
                    last = self.take_frame(frame, last)
                except Damage as error:
                    self.problems.append(f"{path.name}: frame at {frame.offset:#x}: {error}")
        if identity is not None:
            self.unlock(identity)

    def take_frame(self, frame: Frame, last: Chunk | None) -> Chunk | None:
        take = Take(frame.body)
        if frame.kind == CHUNK:
            chunk = Chunk.parse(frame)
            if chunk.id not in self.chunks or frame.payload_is_whole:
                self.chunks[chunk.id] = chunk
            return chunk
        if frame.kind == CHUNK_END:
            if last is None or take.chunk_id() != last.id:
                raise Damage("a chunk footer that belongs to nothing")
            self.check_tables(frame)
        elif frame.kind == LABEL:
            take.raw(16)
            if take.u32() == 0:
                raise Damage("volumes are numbered from 1")
        elif frame.kind == GROUP:
            self.take_group(frame.body)
        elif frame.kind == COMPONENT:
            digest = take.raw(32)
            if blake3.blake3(frame.payload).digest() != digest:
                raise Damage("a component is not that of its digest")
            self.components.add(digest)
        elif frame.kind == SESSION:
            session, header = Session.parse(frame.body)
            self.sessions.setdefault(session, header)
        elif frame.kind == SESSION_END:
            take.timestamp(), take.u8()
            session, header = Session.parse(take.bytes(16 * MIB))
            self.sessions.setdefault(session, header)
            for _ in range(take.count(64, 4)):
                self.take_group(take.bytes(16 * MIB))
        elif frame.kind == ARCHIVE:
            archive = take.raw(16)
            take.raw(16)
            self.archive(archive).name = take.text()
        elif frame.kind == ARCHIVE_END:
            if not frame.payload_is_whole:
                return None
            archive = self.archive(take.raw(16))
            take.raw(16), take.timestamp()
            archive.entries = take.u64()
            take.u64(), take.u64()
            archive.pages, archive.roots = take.u64(), take.u64()
            take.end()
            archive.finished = True
        elif frame.kind == DROP:
            self.archive(take.raw(16)).dropped = True
        elif frame.kind in (RUN, RUN_END):
            inner = take if frame.kind == RUN else Take(take.bytes(16 * MIB))
            archive, stream, number = inner.chunk_id()
            inner.raw(16)
            self.runs.setdefault((archive, stream, number), Context.take(inner))
        return None

    def check_tables(self, frame: Frame) -> None:
        if not frame.payload_is_whole:
            return
        take, before = Take(frame.payload), -1
        for _ in range(take.count(16 * MIB, 40)):
            ordinal, length = take.u32(), take.u32()
            take.raw(32)
            if ordinal <= before or length > MIB:
                raise Damage("a block table that cannot be")
            before = ordinal
        for _ in range(take.count(16 * MIB, 28)):
            take.chunk_id()
        take.end()

    def archive(self, archive: bytes) -> Archive:
        return self.archives.setdefault(archive, Archive(archive, "(name lost)"))

    def take_group(self, body: bytes) -> None:
        group_id, group = Group.parse(body)
        known = self.groups.get(group_id)
        if known is None or group.revision > known.revision:
            self.groups[group_id] = group

    def unlock(self, identity_text: str) -> None:
        """8.3: the identity is a group's secret itself, or opens a member's envelope."""
        lines = [line for line in identity_text.splitlines() if line.startswith("AGE-SECRET-KEY-")]
        identities = [pyrage.x25519.Identity.from_str(line.strip()) for line in lines]
        progress = True
        while progress:
            progress = False
            for group_id, group in self.groups.items():
                if group_id in self.secrets or not group.recipient:
                    continue
                for identity in identities + list(self.secrets.values()):
                    secret = self.open_group(group, identity)
                    if secret is not None:
                        self.secrets[group_id], progress = secret, True
                        break
        if not self.secrets and any(group.recipient for group in self.groups.values()):
            raise Cannot("the identity opens no key group of this store")

    @staticmethod
    def open_group(
        group: Group, identity: pyrage.x25519.Identity
    ) -> pyrage.x25519.Identity | None:
        if str(identity.to_public()) == group.recipient:
            return identity
        for kind, _name, envelope in group.members:
            if kind != 2:
                continue
            try:
                text = pyrage.decrypt(envelope, [identity]).decode()
                secret = pyrage.x25519.Identity.from_str(text)
            except (pyrage.DecryptError, ValueError):
                continue
            if str(secret.to_public()) == group.recipient:
                return secret
        return None

    def epoch_key(self, session: bytes, number: int) -> bytes:
        known = self.epoch_keys.get((session, number))
        if known is not None:
            return known
        group_id, envelope = self.sessions[session].epochs[number]
        secret = self.secrets.get(group_id)
        if secret is None:
            raise Cannot("a key is needed: --identity FILE")
        key = pyrage.decrypt(envelope, [secret])
        self.epoch_keys[(session, number)] = key
        return key

    def plain(self, chunk_id: ChunkId) -> bytes:
        """A chunk's plain bytes (5.5)."""
        chunk = self.chunks.get(chunk_id)
        name = f"chunk {chunk_id[1]:x}.{chunk_id[2]} of {chunk_id[0].hex()[:8]}"
        if chunk is None:
            raise Damage(f"{name} is missing")
        if not chunk.frame.payload_is_whole:
            raise Damage(f"{name} is damaged")
        context = chunk.context or self.runs.get((chunk_id[0], chunk_id[1], chunk.run))
        session = self.sessions.get(chunk.session)
        if context is None or session is None or len(context.chain) != len(chunk.records):
            raise Damage(f"{name} has no context")
        if any(place >= len(session.stages) for place in context.chain):
            raise Damage(f"{name} names a stage that its session does not have")
        stages = [session.stages[place] for place in context.chain]
        data = chunk.frame.payload
        for position in reversed(range(len(stages))):
            length, nonce = chunk.records[position]
            try:
                data = self.decode(chunk, context, stages, position, data, length, nonce)
            except (ValueError, zstandard.ZstdError, KeyError) as error:
                raise Damage(f"{name}: {stages[position].name}: {error}") from error
            if len(data) != length:
                raise Damage(f"{name}: {stages[position].name} gave another length")
        if len(data) != chunk.plain_length:
            raise Damage(f"{name} has another length")
        return data

    def decode(self, chunk: Chunk, context: Context, stages: list[Stage], position: int,
               data: bytes, length: int, nonce: bytes) -> bytes:
        stage = stages[position]
        if stage.role != 4:
            raise ValueError("it is no transform")
        if stage.name == "zstd":
            return zstandard.ZstdDecompressor(max_window_size=1 << 24).decompress(
                data, max_output_size=length, allow_extra_data=False) if length else b""
        if stage.name != "chacha20poly1305":
            raise ValueError("this reader runs no components")
        key = blake3.blake3(
            self.epoch_key(chunk.session, context.epoch) + chunk.session
            + struct.pack("<IH", context.epoch, position) + stage.digest + stage.config_digest,
            derive_key_context="mover 0 stage key").digest()
        cipher = ChaCha20_Poly1305.new(key=key, nonce=nonce)
        cipher.update(binding(chunk, context, stages, position))
        return cipher.decrypt_and_verify(data[:-16], data[-16:])

    def blocks(self, chunk_id: ChunkId) -> list[bytes]:
        """The data blocks of a chunk by their ordinals (6.1, 6.3)."""
        take, blocks = Take(self.plain(chunk_id)), []
        while take.left():
            kind, flags, zero = take.u8(), take.u8(), take.u16()
            take.u32(), take.u64(), take.u64()
            length, crc = take.u32(), take.u32()
            if not 1 <= kind <= 6 or flags > 1 or zero:
                raise Damage("a tag header that cannot be")
            if flags:
                options(take)
            block = take.raw(length)
            if crc32c.crc32c(block) != crc:
                raise Damage("the CRC of a block does not agree")
            if kind == 2:
                blocks.append(block)
        return blocks

    def index(self, archive: Archive) -> Iterator[Entry]:
        """Every entry in path order (9.2)."""
        listed = 0
        for number in range(archive.pages, archive.pages + min(archive.roots, 1 << 20)):
            take = Take(self.plain((archive.id, INDEX_STREAM, number)))
            while take.left():
                take.u32(), take.bytes(MIB)
                listed += 1
        if listed != archive.pages:
            raise Damage("the root of the index lists another number of pages")
        open_entry: Entry | None = None
        for number in range(archive.pages):
            for entry in records(self.plain((archive.id, INDEX_STREAM, number))):
                if open_entry is not None and entry.number == open_entry.number:
                    open_entry.extents += entry.extents
                    continue
                if open_entry is not None:
                    yield open_entry
                open_entry = entry
        if open_entry is not None:
            yield open_entry

    def find(self, name: str) -> Archive:
        fitting = [archive for archive in self.archives.values()
                   if archive.finished and not archive.dropped
                   and (archive.name == name or archive.id.hex().startswith(name))]
        if not fitting:
            raise Cannot(f"no finished archive {name}")
        return fitting[-1]


def binding(chunk: Chunk, context: Context, stages: list[Stage], position: int) -> bytes:
    """What the cipher is told (7)."""
    archive, stream, number = chunk.id
    head = BINDING_MAGIC + struct.pack("<HH", VERSION, position) + archive
    head += struct.pack("<IQBIIH", stream, number, chunk.kind, context.epoch, chunk.plain_length,
                        len(stages))
    return head + b"".join(stage.digest + stage.config_digest for stage in stages)


def records(plain: bytes) -> Iterator[Entry]:
    """The records of an index page (9.2)."""
    take = Take(plain)
    chunks = [take.chunk_id() for _ in range(take.count(16 * MIB, 28))]
    for _ in range(take.u32()):
        number = take.u64()
        entry = Entry.take(take)
        entry.number, entry.verdict = number, take.u8()
        flags = take.u8()
        if flags > 3:
            raise Damage("an index record with flags that cannot be")
        if number == 0 or entry.verdict > 2:
            raise Damage("an index record that cannot be")
        for _ in range(take.count(65536, 9)):
            kind = take.u8()
            if kind == 2:
                entry.extents.append((take.u64(),))
            elif kind == 1:
                place = take.u32()
                if place >= len(chunks):
                    raise Damage("an extent names no chunk of its page")
                entry.extents.append((chunks[place], take.u32(), take.u32(), take.u64()))
            else:
                raise Damage("an extent is 1 or 2")
        for _ in range(take.count(64, 24)):
            take.text(), take.text(), take.u64(), take.u32(), take.text()
        if flags & 2:
            options(take)
        yield entry
    take.end()


class Extractor:
    """Makes an archive's entries in a folder."""

    def __init__(self, store: Store, into: str) -> None:
        self.store, self.into = store, os.fsencode(into)
        self.links: dict[int, bytes] = {}
        self.cache: dict[ChunkId, list[bytes]] = {}
        self.problems: list[str] = []

    def run(self, archive: Archive) -> None:
        os.makedirs(self.into, exist_ok=True)
        folders: list[Entry] = []
        for entry in self.store.index(archive):
            if entry.verdict == 2:
                continue
            try:
                self.make(entry)
            except (Damage, OSError) as error:
                self.problems.append(f"{entry.path!r}: {error}")
                continue
            if entry.kind == 2:
                folders.append(entry)
        for entry in reversed(folders):
            self.dress(entry)

    def place(self, entry: Entry) -> bytes:
        if not entry.is_safe():
            raise Damage("its path leads out of the folder")
        path = self.into
        for name in entry.path.split(b"/")[:-1]:
            path = os.path.join(path, name)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise Damage("its path leads through something that is no folder")
        return os.path.join(self.into, entry.path) if entry.path else self.into

    def make(self, entry: Entry) -> None:
        path = self.place(entry)
        if entry.kind == 2:
            if entry.path:
                os.mkdir(path, 0o700)
            return
        if entry.link_group and entry.link_group in self.links:
            os.link(self.links[entry.link_group], path, follow_symlinks=False)
            return
        if entry.kind == 1:
            self.content(entry, path)
        elif entry.kind == 3:
            os.symlink(entry.target, path)
        elif entry.kind == 4:
            os.mkfifo(path)
        else:
            raise Damage("devices and sockets are not made by this reader")
        self.dress(entry)
        if entry.link_group:
            self.links[entry.link_group] = path

    def content(self, entry: Entry, path: bytes) -> None:
        pieces, size = [], 0
        for extent in entry.extents:
            if len(extent) == 1:
                pieces.append((size, b""))
                size += extent[0]
                continue
            chunk, first, count, length = extent
            data = b"".join(self.blocks(chunk)[first:first + count])
            if len(data) != length:
                raise Damage("a run whose blocks are not there")
            pieces.append((size, data))
            size += length
        if size != entry.size:
            raise Damage("its extents are not of its size")
        with open(path, "xb") as file:
            for offset, data in pieces:
                file.seek(offset)
                file.write(data)
            file.truncate(size)

    def blocks(self, chunk: ChunkId) -> list[bytes]:
        if chunk not in self.cache:
            if len(self.cache) > 32:
                self.cache.clear()
            self.cache[chunk] = self.store.blocks(chunk)
        return self.cache[chunk]

    def dress(self, entry: Entry) -> None:
        path = os.path.join(self.into, entry.path) if entry.path else self.into
        if os.geteuid() == 0:
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        if entry.kind != 3:
            os.chmod(path, entry.mode)
        os.utime(path, ns=(entry.mtime, entry.mtime), follow_symlinks=False)


def check(store: Store) -> list[str]:
    """Everything that can be checked: frames, chunks, blocks, indexes."""
    problems = list(store.problems)
    for chunk_id, chunk in store.chunks.items():
        try:
            if chunk.kind == DATA:
                store.blocks(chunk_id)
            else:
                store.plain(chunk_id)
        except Damage as error:
            problems.append(f"{chunk.frame.volume}: {chunk.frame.offset:#x}: {error}")
    for archive in store.archives.values():
        if not archive.finished or archive.dropped:
            continue
        try:
            count = sum(1 for _ in store.index(archive))
            if count != archive.entries:
                problems.append(f"{archive.name}: {count} entries of {archive.entries}")
        except Damage as error:
            problems.append(f"{archive.name}: {error}")
    return problems


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("list", "extract", "check"):
        command = commands.add_parser(name)
        command.add_argument("store")
        if name != "check":
            command.add_argument("archive", nargs="?" if name == "list" else None)
        if name == "extract":
            command.add_argument("into")
        command.add_argument("--identity")
    given = parser.parse_args(arguments)
    try:
        identity = Path(given.identity).read_text() if given.identity else None
        store = Store(given.store, identity)
        problems = list(store.problems)
        if given.command == "check":
            problems = check(store)
        elif given.command == "extract":
            extractor = Extractor(store, given.into)
            extractor.run(store.find(given.archive))
            problems += extractor.problems
        elif given.archive is None:
            for archive in store.archives.values():
                state = "dropped" if archive.dropped else (
                    "finished" if archive.finished else "unfinished")
                print(archive.id.hex(), state, archive.entries, archive.name)
        else:
            for entry in store.index(store.find(given.archive)):
                print(f"{entry.mode:04o} {entry.size:12} {os.fsdecode(entry.path) or '.'}")
    except Cannot as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Damage as error:
        print(f"damaged: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"damaged: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
