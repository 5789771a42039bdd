"""The source: a tree that is changed at random, in all the ways that people and programs do.

Everything comes from the generator that is given, and paths are looked at in their order, so that
the same seed makes the same changes. What is there stays between two bounds: large enough that a
command takes its time, small enough that a copy can be kept for each archive.
"""

import errno
import os
import shutil
import stat

MEBI = 1 << 20
LENGTH_MAX, LENGTH_AIM = 280 * MEBI, 200 * MEBI
COUNT_MAX, COUNT_AIM = 5000, 3500
DEPTH_MAX = 8
IMAGE = "image.img"
IMAGE_LENGTH = 48 * MEBI
WORDS = [b"archive", b"volume", b"chunk", b"pool", b"journal", b"lane", b"frame", b"\n"]
ODD_NAMES = ["new\nline", "a 'quote\"", "-dash", "\udcff\udc80 no UTF-8", "\u00fc\u4e2d", "*", "n" * 255]
MODES = [0o644, 0o600, 0o755, 0o444, 0o4755, 0o2755, 0o666]
FOLDER_MODES = [0o755, 0o700, 0o1777, 0o2775]
OWNERS = [0, 33, 1000, 65534, 123_456]
# Before the epoch, at its ends, now, and far ahead, with digits down to the nanosecond.
TIMES = [-1_000_000_000_123_456_789, -1, 0, 1, 1_700_000_000_999_999_999, 4_102_444_800_000_000_001]


class Tree:
    """The tree, and what can be done to it."""

    def __init__(self, root):
        self.root = os.fspath(root)
        self.is_root = os.getuid() == 0

    def begin(self, random):
        """Makes what is there before anything is archived: near to what it will be for long."""
        os.mkdir(self.root)
        for number in range(30):
            os.mkdir(os.path.join(self.root, f"folder-{number:02}"))
        for _ in range(600):
            self.make(random)
        for _ in range(4):
            self.make_tiny(random)
        with open(os.path.join(self.root, IMAGE), "wb") as image:
            pour(image, random, IMAGE_LENGTH)
        for action, weight in self.actions():
            for _ in range(weight):
                action(random)
        self.trim(random)

    def actions(self):
        """What can be done, and how often it is."""
        return [
            (self.make, 8), (self.grow, 4), (self.truncate, 3), (self.overwrite, 4), (self.replace, 3),
            (self.sly, 2), (self.rename, 4), (self.remove, 3), (self.turn, 1), (self.chmod, 3),
            (self.chown, 2), (self.touch, 2), (self.link, 3), (self.symlink, 3), (self.attribute, 3),
            (self.make_sparse, 1), (self.make_tiny, 1), (self.make_fifo, 1), (self.change_image, 3), (self.make_large, 2),
        ]

    def edit(self, random):
        """Does some of it; says what it was."""
        actions, weights = zip(*self.actions())
        chosen = random.choices(actions, weights, k=random.randint(1, 25))
        for action in chosen:
            action(random)
        self.trim(random)
        return [action.__name__ for action in chosen]

    def paths(self, *kinds):
        """All paths below the root of such kinds, in their order; kinds are tests of `stat`."""
        found = []
        for folder, folders, files in os.walk(self.root):
            folders.sort()
            paths = (os.path.join(folder, name) for name in sorted(folders + files))
            found += [path for path in paths if any(kind(os.lstat(path).st_mode) for kind in kinds)]
        return found

    def files(self):
        return self.paths(stat.S_ISREG)

    def a_folder(self, random):
        """A folder, the root perhaps, that is not too deep."""
        depth = self.root.count("/") + DEPTH_MAX
        return random.choice([self.root, *(path for path in self.paths(stat.S_ISDIR) if path.count("/") < depth)])

    def a_file(self, random):
        """A file other than the image, which has changes of its own; made if there is none."""
        files = [path for path in self.files() if path != os.path.join(self.root, IMAGE)]
        return random.choice(files) if files else self.make(random)

    def new_path(self, random, end=""):
        folder = self.a_folder(random)
        odd = random.random() < 0.03
        name = random.choice(ODD_NAMES) if odd else f"{random.randrange(1 << 24):06x}{end}"
        path = os.path.join(folder, name)
        return path if not os.path.lexists(path) else os.path.join(folder, f"{random.randrange(1 << 40):010x}")

    def make(self, random):
        path = self.new_path(random, random.choice([".txt", ".bin", ".log", ".c", ""]))
        length_max = random.choices([0, 200, 4096, 65_536, MEBI, 4 * MEBI], [1, 6, 8, 6, 2, 0.4])[0]
        with open(path, "xb") as file:
            pour(file, random, random.randint(0, length_max))
        return path

    def grow(self, random):
        with open(self.a_file(random), "ab") as file:
            pour(file, random, random.randint(1, random.choice([100, 10_000, MEBI])))

    def truncate(self, random):
        path = self.a_file(random)
        os.truncate(path, random.randint(0, os.path.getsize(path)))

    def overwrite(self, random):
        overwrite(self.a_file(random), random, random.randint(1, 4), 4096)

    def replace(self, random):
        """As editors do: a new file takes the name of the old one."""
        new = self.make(random)
        os.rename(new, self.a_file(random))

    def sly(self, random):
        """Other content of the same length, and the time put back: only the change time tells."""
        path = self.a_file(random)
        times = os.stat(path)
        overwrite(path, random, 1, 4096)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def rename(self, random):
        of_all = self.paths(lambda mode: True)
        path = random.choice(of_all) if of_all else self.make(random)
        new = self.new_path(random)
        # A folder cannot be moved into itself, nor the image away from its name.
        if path != os.path.join(self.root, IMAGE) and not f"{new}/".startswith(f"{path}/"):
            os.rename(path, new)

    def remove(self, random):
        if random.random() < 0.15:
            folders = self.paths(stat.S_ISDIR)
            return shutil.rmtree(random.choice(folders)) if folders else None
        os.unlink(self.a_file(random))

    def turn(self, random):
        """One kind takes the name of another: what was a file is a folder, or a link."""
        path = self.a_file(random)
        os.unlink(path)
        if random.random() < 0.5:
            os.mkdir(path)
            with open(os.path.join(path, "inside"), "xb") as file:
                pour(file, random, 1000)
        else:
            os.symlink("nowhere", path)

    def chmod(self, random):
        if random.random() < 0.3:
            return os.chmod(self.a_folder(random), random.choice(FOLDER_MODES))
        # Who is not root has to be able to read, and to change, what is there.
        extra = 0 if self.is_root else 0o600
        os.chmod(self.a_file(random), random.choice(MODES + [0] * self.is_root) | extra)

    def chown(self, random):
        owner, group = random.choice(OWNERS), random.choice(OWNERS)
        path = random.choice([self.a_file, self.a_folder])(random)
        if self.is_root:
            os.chown(path, owner, group)

    def touch(self, random):
        time = random.choice([*TIMES, random.randrange(1 << 60)])
        path = random.choice(self.paths(lambda mode: True) or [self.root])
        os.utime(path, ns=(time, time), follow_symlinks=False)

    def link(self, random):
        os.link(self.a_file(random), self.new_path(random))

    def symlink(self, random):
        target = random.choice(["nowhere", "../..", "/etc/hostname", "x/" * 500, os.path.basename(self.a_file(random))])
        os.symlink(target, self.new_path(random))

    def attribute(self, random):
        path = random.choice([self.a_file, self.a_folder])(random)
        name = f"user.soak-{random.randrange(4)}"
        value = random.randbytes(random.choice([0, 10, 200, 1500]))
        try:
            if name in os.listxattr(path) and random.random() < 0.4:
                os.removexattr(path, name)
            else:
                os.setxattr(path, name, value)
        except OSError as error:
            # Not every file system has them, and none has room for many.
            if error.errno not in (errno.ENOTSUP, errno.ENOSPC, errno.E2BIG, errno.EPERM):
                raise

    def make_sparse(self, random):
        with open(self.new_path(random, ".sparse"), "xb") as file:
            for _ in range(random.randint(0, 5)):
                file.seek(random.randrange(24 * MEBI) & ~4095)
                pour(file, random, random.randint(1, 100_000))
            file.truncate(random.randint(file.tell(), 25 * MEBI))

    def make_tiny(self, random):
        folder = self.new_path(random, ".d")
        os.mkdir(folder)
        for number in range(random.randint(50, 400)):
            with open(os.path.join(folder, f"{number:03}"), "xb") as file:
                file.write(random.randbytes(random.randint(0, 150)))

    def make_large(self, random):
        with open(self.new_path(random, ".large"), "xb") as file:
            pour(file, random, random.randint(4 * MEBI, 40 * MEBI))

    def make_fifo(self, random):
        os.mkfifo(self.new_path(random, ".fifo"), 0o640)

    def change_image(self, random):
        """As a disk of a virtual machine changes: extents in place, and now and then its length."""
        path = os.path.join(self.root, IMAGE)
        overwrite(path, random, random.randint(1, 20), random.choice([4096, 65_536, 512 << 10]))
        if random.random() < 0.1:
            os.truncate(path, random.randint(IMAGE_LENGTH // 2, IMAGE_LENGTH * 3 // 2))

    def trim(self, random):
        """Removes at random what is more than is wanted; the image stays."""
        files = self.files()
        lengths = {path: os.lstat(path).st_blocks * 512 for path in files if path != os.path.join(self.root, IMAGE)}
        if sum(lengths.values()) > LENGTH_MAX:
            while sum(lengths.values()) > LENGTH_AIM:
                longest = sorted(lengths, key=lambda path: (-lengths[path], path))[:20]
                path = random.choice(longest)
                del lengths[path]
                os.unlink(path)
        folders = self.paths(stat.S_ISDIR) if len(files) > COUNT_MAX else []
        while folders and len(self.paths(lambda mode: True)) > COUNT_AIM:
            shutil.rmtree(random.choice(folders))
            folders = self.paths(stat.S_ISDIR)


def pour(file, random, length):
    """Writes so many bytes: noise and what looks like text, in turns."""
    while length > 0:
        piece = min(length, random.choice([4096, 65_536, MEBI]))
        if random.random() < 0.4:
            content = random.randbytes(piece)
        else:
            sentence = b" ".join(random.choices(WORDS, k=300)) + random.randbytes(8)
            content = (sentence * (piece // len(sentence) + 1))[:piece]
        file.write(content)
        length -= piece


def overwrite(path, random, count, extent):
    """Has noise in some extents of a file, within its length."""
    length = os.path.getsize(path)
    file = os.open(path, os.O_WRONLY)
    try:
        for _ in range(count):
            start = random.randrange(max(1, length)) & ~4095
            os.pwrite(file, random.randbytes(min(extent, length - start)), start)
    finally:
        os.close(file)
