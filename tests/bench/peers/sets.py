"""The data that is archived. Each set is made once in WORK, and is the same for all tools."""

import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import rounds
from changes import overwritten

MEBI = 1 << 20
SYSTEM = ["/usr/include", "/usr/lib", "/usr/share", "~/.cargo/registry/src", "/usr/local", "/usr/bin", "/opt"]
SYSTEM_LENGTH_MIN = 1_500_000_000
SYSTEM_FILES_MIN = 35_000


class Set:
    """A folder `source`, one small file in it, and the kind of round that it is for."""

    name: str
    one_round = staticmethod(rounds.archive)
    changes = {}

    def __init__(self, work, scale=1):
        self.work, self.scale = work, scale
        folder = self.name if scale == 1 else f"{self.name}-{scale:g}"
        self.source, self.made = work / "sets" / folder, work / "sets" / f"{folder}.made"
        if not self.made.exists():
            shutil.rmtree(self.source, ignore_errors=True)
            self.source.mkdir(parents=True)
            self.make()
            self.made.touch()

    def make(self):
        raise NotImplementedError

    def scaled(self, count):
        return max(1, round(count * self.scale))

    def files(self):
        return [path for path in self.source.rglob("*") if path.is_file() and not path.is_symlink()]

    def describe(self):
        files = self.files()
        return f"{len(files)} files, {sum(path.stat().st_size for path in files)} bytes"

    def small_file(self):
        """The first file of 1 to 8 KiB by name, or the smallest."""
        files = sorted(self.files())
        fitting = (path for path in files if 1024 <= path.stat().st_size <= 8192)
        return next(fitting, None) or min(files, key=lambda path: path.stat().st_size)


class Tree(Set):
    """What an operating system and its sources consist of."""

    name = "tree"

    def make(self):
        count = length = 0
        for folder in (Path(folder).expanduser() for folder in SYSTEM):
            if count >= self.scaled(SYSTEM_FILES_MIN) and length >= self.scaled(SYSTEM_LENGTH_MIN):
                return
            if folder.is_dir():
                target = self.source / str(folder).lstrip("/")
                target.mkdir(parents=True, exist_ok=True)
                subprocess.run(["rsync", "-aHAX", f"{folder}/", f"{target}/"], check=True)
            files = self.files()
            count, length = len(files), sum(path.stat().st_size for path in files)
        if length < self.scaled(SYSTEM_LENGTH_MIN):
            sys.exit(f"this machine has too few files: {count} files, {length} bytes")


class Tiny(Set):
    """One million files of 100 bytes."""

    name = "tiny"

    def make(self):
        source = random.Random(1)
        for folder in range(self.scaled(1000)):
            path = self.source / f"{folder:03}"
            path.mkdir()
            for number in range(1000):
                (path / f"{number:03}").write_bytes(source.randbytes(50).hex().encode())


class Image(Set):
    """A disk of 4 GB of which 40 % are blocks that are there twice; then 2 % of it change."""

    name = "image"
    changes = {"changed 1 MiB": MEBI, "changed 4 KiB": 4096}

    def make(self):
        source, kept = random.Random(2), []
        with open(self.source / "disk.img", "wb") as image:
            for _ in range(self.scaled(4000)):
                if kept and source.random() < 0.4:
                    image.write(source.choice(kept))
                    continue
                # Half of it noise, half of it text-like: as disks are.
                block = source.randbytes(MEBI // 2) + (source.randbytes(32).hex().encode() * (MEBI // 128))
                kept = (kept + [block])[-256:]
                image.write(block)

    @contextmanager
    def changed(self, extent):
        """Has the image changed in extents of so many bytes, and says how many bytes it is."""
        # Not made until it is back as it was: who is killed meanwhile makes it anew.
        self.made.unlink()
        with overwritten(self.source / "disk.img", extent) as length:
            yield length
        self.made.touch()


class Media(Set):
    """Files that do not compress."""

    name = "media"

    def make(self):
        source = random.Random(3)
        for number in range(self.scaled(200)):
            (self.source / f"{number:03}.jpg").write_bytes(source.randbytes(source.randrange(MEBI, 8 * MEBI)))


class Versions(Set):
    """A source tree, release after release: Django 4.2 to 4.2.11, as it is in PyPI."""

    name = "versions"
    one_round = staticmethod(rounds.versions)

    @property
    def versions(self):
        # Not 4.2.12, which was withdrawn: all its lines end in another way.
        return ["4.2", *(f"4.2.{number}" for number in range(1, 12))][: self.scaled(12)]

    def make(self):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "django"]
        for version in self.versions:
            packed = self.packed(version)
            if not packed.exists():
                subprocess.run([*pip, "--dest", packed.parent, f"django=={version}"], check=True)
        self.unpack(self.versions[-1])

    def packed(self, version):
        return self.work / "fetched" / f"Django-{version}.tar.gz"

    def unpack(self, version):
        """Puts a version where the one before it was."""
        shutil.rmtree(self.source)
        self.source.mkdir()
        tar = ["tar", "--no-same-owner", "--strip-components=1", "-C", self.source, "-xzf", self.packed(version)]
        subprocess.run(tar, check=True)


ALL = {one.name: one for one in (Tree, Tiny, Image, Media, Versions)}
