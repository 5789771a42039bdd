"""Whether two trees are the same, entry by entry; and whether that would be noticed.

Neither mover nor a tool that it might share a mistake with has a part in it.
"""

import errno
import os
import shutil
import stat
import subprocess

MEBI = 1 << 20
# What a file system may add to a file with holes: it keeps room ahead of what is written.
HOLE_SLACK = MEBI
SHOWN_MAX = 20
SECOND = 1_000_000_000


class Compared:
    """What was compared, and what was not the same."""

    def __init__(self):
        self.entries = self.bytes = 0
        self.differences = []

    def note(self, path, what, expected, found):
        if expected != found and len(self.differences) < SHOWN_MAX:
            self.differences.append(f"{path!r}: {what} is {found!r}, and should be {expected!r}")


def compare(expected, found, asked=None):
    """Compares all below two folders, and the folders themselves; of `asked` paths alone what is at
    and below them, and that nothing else is there but the folders above them."""
    compared = Compared()
    wanted, there = entries(expected, asked), entries(found)
    above = {os.path.dirname(path) for path in wanted} if asked else set()
    while any(os.path.dirname(path) not in above for path in above):
        above |= {os.path.dirname(path) for path in above}
    for path in sorted(wanted.keys() | (there.keys() - above)):
        compared.note(path, "being there", path in wanted, path in there)
        if path in wanted and path in there:
            compared.entries += 1
            compare_entry(compared, path, (expected, wanted[path]), (found, there[path]))
    compare_links(compared, wanted, there)
    return compared


def entries(root, asked=None):
    """What is at and below some paths, or the root, as `lstat` says; the root is the empty path."""
    found, folders = {}, []
    for path in asked if asked else [""]:
        found[path] = os.lstat(os.path.join(root, path))
        folders += [path] if stat.S_ISDIR(found[path].st_mode) else []
    while folders:
        folder = folders.pop()
        with os.scandir(os.path.join(root, folder)) as listing:
            for entry in listing:
                path = os.path.join(folder, entry.name)
                found[path] = entry.stat(follow_symlinks=False)
                folders += [path] if entry.is_dir(follow_symlinks=False) else []
    return found


def compare_entry(compared, path, expected, found):
    (expected_root, expected_stat), (found_root, found_stat) = expected, found
    names = (os.path.join(expected_root, path), os.path.join(found_root, path))
    kind = stat.S_IFMT(expected_stat.st_mode)
    compared.note(path, "kind", kind, stat.S_IFMT(found_stat.st_mode))
    if kind != stat.S_IFMT(found_stat.st_mode):
        return
    compared.note(path, "mode", oct(expected_stat.st_mode), oct(found_stat.st_mode))
    for what in ("st_uid", "st_gid", "st_mtime_ns"):
        compared.note(path, what, getattr(expected_stat, what), getattr(found_stat, what))
    compared.note(path, "attributes", *(attributes(name) for name in names))
    if stat.S_ISLNK(kind):
        compared.note(path, "target", *(os.readlink(name) for name in names))
    if stat.S_ISBLK(kind) or stat.S_ISCHR(kind):
        compared.note(path, "device", expected_stat.st_rdev, found_stat.st_rdev)
    if stat.S_ISREG(kind):
        compare_content(compared, path, names, expected_stat, found_stat)


def attributes(name):
    try:
        return {key: os.getxattr(name, key, follow_symlinks=False) for key in os.listxattr(name, follow_symlinks=False)}
    except OSError:
        return {}


def compare_content(compared, path, names, expected_stat, found_stat):
    compared.note(path, "length", expected_stat.st_size, found_stat.st_size)
    with open(names[0], "rb", buffering=0) as expected, open(names[1], "rb", buffering=0) as found:
        offset = 0
        while True:
            one, other = expected.read(MEBI), found.read(MEBI)
            if one != other:
                at = next((at for at, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), min(len(one), len(other)))
                compared.note(path, "content", "the same", f"other bytes from {offset + at} on")
                return
            if not one:
                break
            offset += len(one)
    compared.bytes += offset
    taken = (expected_stat.st_blocks * 512, found_stat.st_blocks * 512)
    if taken[0] + HOLE_SLACK < expected_stat.st_size and taken[1] > taken[0] + HOLE_SLACK:
        compared.note(path, "room on disk", taken[0], taken[1])


def compare_links(compared, wanted, there):
    """Names of one file are names of one file there too, and no others are."""
    both = wanted.keys() & there.keys()
    expected, found = groups(wanted, both), groups(there, both)
    for path in sorted(both):
        compared.note(path, "all its names", expected[path], found[path])


def groups(found, paths):
    """For each path all names of the same file that are among the paths."""
    by_file = {}
    for path in sorted(paths):
        by_file.setdefault((found[path].st_dev, found[path].st_ino), []).append(path)
    return {path: names for names in by_file.values() for path in names}


PLANTED = {
    "a byte": lambda at: overwrite(at / "file", b"other"),
    "a byte of a name of two": lambda at: overwrite(at / "one", b"other"),
    "a length": lambda at: os.truncate(at / "file", 3),
    "a nanosecond": lambda at: os.utime(at / "file", ns=(SECOND, SECOND + 1)),
    "a nanosecond of a link": lambda at: os.utime(at / "link", ns=(SECOND, SECOND + 1), follow_symlinks=False),
    "a nanosecond of a folder": lambda at: os.utime(at / "folder", ns=(SECOND, SECOND + 1)),
    "a nanosecond of the root": lambda at: os.utime(at, ns=(SECOND, SECOND + 1)),
    "a mode": lambda at: os.chmod(at / "file", 0o640),
    "a mode of a folder": lambda at: os.chmod(at / "folder", 0o711),
    "a target": lambda at: (os.unlink(at / "link"), os.symlink("other", at / "link")),
    "a missing file": lambda at: os.unlink(at / "three"),
    "one more file": lambda at: (at / "more").touch(),
    "another kind": lambda at: (os.unlink(at / "three"), os.mkdir(at / "three")),
    "two files for two names": lambda at: (os.unlink(at / "one"), shutil.copy2(at / "two", at / "one")),
    "one file for three names": lambda at: (os.unlink(at / "three"), os.link(at / "one", at / "three")),
    "a hole that is filled": lambda at: overwrite(at / "sparse", bytes(4 * MEBI)),
    "an attribute": lambda at: os.setxattr(at / "file", "user.soak", b"other"),
    "an owner": lambda at: os.chown(at / "file", 1, -1),
    "a group": lambda at: os.chown(at / "file", -1, 1),
}


def overwrite(path, content):
    """Keeps everything but the content, so that nothing else can give it away."""
    times = os.stat(path)
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def prove(work):
    """Makes one difference after another, and returns those that were not found.

    A comparison that finds nothing proves nothing, unless it is known to find what is there; so
    this is done before each run, on the file system of that run.
    """
    one, other = work / "proof", work / "proof-copy"
    sample(one)
    missed = []
    for name, plant in PLANTED.items():
        copy(one, other)
        if differences := compare(one, other).differences:
            return [f"a copy is no copy: {differences}"]
        try:
            plant(other)
        except OSError as error:
            # Neither attributes nor other owners are to be had everywhere.
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise
            continue
        # A folder's time changes with what is in it, and would be found in the place of the rest.
        if name != "a nanosecond of the root":
            os.utime(other, ns=(SECOND, SECOND))
        missed += [name] if not compare(one, other).differences else []
    # All is there, and one file was asked for.
    missed += ["more than was asked for"] if not compare(one, one, ["file"]).differences else []
    clear(one, other)
    return missed


def sample(root):
    """One of each kind that a difference is planted in."""
    clear(root)
    (root / "folder").mkdir(parents=True)
    for name in ("file", "one", "three"):
        (root / name).write_bytes(b"content")
    os.link(root / "one", root / "two")
    os.symlink("file", root / "link")
    with open(root / "sparse", "wb") as sparse:
        sparse.truncate(8 * MEBI)
    for name in ("file", "one", "three", "link", "folder", "."):
        os.utime(root / name, ns=(SECOND, SECOND), follow_symlinks=False)


def copy(source, target):
    """The plain copy: by cp, which has nothing to do with mover."""
    clear(target)
    subprocess.run(["cp", "-a", "--sparse=auto", "--reflink=auto", source, target], check=True)


def clear(*folders):
    # By rm, which is done with names and depths that shutil is not.
    subprocess.run(["rm", "-rf", *folders], check=True)
