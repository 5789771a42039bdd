"""The data that is archived. Each set is made once in WORK, and is the same for all tools."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

MEBI = 1 << 20
SYSTEM = ["/usr/include", "/usr/lib", "/usr/share", "~/.cargo/registry/src", "/usr/local", "/usr/bin", "/opt"]
SYSTEM_LENGTH_MIN = 1_500_000_000
SYSTEM_FILES_MIN = 35_000


class Set:
    """A folder `source`, and one small file in it."""

    name: str

    def __init__(self, work):
        self.source = work / "sets" / self.name
        made = self.source.with_suffix(".made")
        if not made.exists():
            shutil.rmtree(self.source, ignore_errors=True)
            self.source.mkdir(parents=True)
            self.make()
            made.touch()

    def make(self):
        raise NotImplementedError

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
            if count >= SYSTEM_FILES_MIN and length >= SYSTEM_LENGTH_MIN:
                return
            if folder.is_dir():
                target = self.source / str(folder).lstrip("/")
                target.mkdir(parents=True, exist_ok=True)
                subprocess.run(["rsync", "-aHAX", f"{folder}/", f"{target}/"], check=True)
            files = self.files()
            count, length = len(files), sum(path.stat().st_size for path in files)
        if length < SYSTEM_LENGTH_MIN:
            sys.exit(f"this machine has too few files: {count} files, {length} bytes")


class Tiny(Set):
    """One million files of 100 bytes."""

    name = "tiny"

    def make(self):
        source = random.Random(1)
        for folder in range(1000):
            path = self.source / f"{folder:03}"
            path.mkdir()
            for number in range(1000):
                (path / f"{number:03}").write_bytes(source.randbytes(50).hex().encode())


class Image(Set):
    """A disk of 4 GB of which 40 % are blocks that are there twice."""

    name = "image"

    def make(self):
        source, kept = random.Random(2), []
        with open(self.source / "disk.img", "wb") as image:
            for _ in range(4000):
                if kept and source.random() < 0.4:
                    image.write(source.choice(kept))
                    continue
                # Half of it noise, half of it text-like: as disks are.
                block = source.randbytes(MEBI // 2) + (source.randbytes(32).hex().encode() * (MEBI // 128))
                kept = (kept + [block])[-256:]
                image.write(block)


class Media(Set):
    """Files that do not compress."""

    name = "media"

    def make(self):
        source = random.Random(3)
        for number in range(200):
            (self.source / f"{number:03}.jpg").write_bytes(source.randbytes(source.randrange(MEBI, 8 * MEBI)))


ALL = {one.name: one for one in (Tree, Tiny, Image, Media)}
