"""A second generation of a large file: parts of it are overwritten in place, and then put back."""

import os
import random
from contextlib import contextmanager

BLOCK = 4096
PART = 0.02


@contextmanager
def overwritten(path, extent):
    """Has noise in 2 % of a file, in scattered extents of so many bytes; says how many bytes it is.

    The same extents get the same noise each time. Afterwards the file is again as it was, its time
    too, so that the next tool finds what this one found.
    """
    times = path.stat()
    source = random.Random(4)
    starts = scattered(source, times.st_size // BLOCK, extent // BLOCK)
    file = os.open(path, os.O_RDWR)
    try:
        kept = [os.pread(file, extent, start) for start in starts]
        try:
            for start in starts:
                os.pwrite(file, source.randbytes(extent), start)
            yield len(starts) * extent
        finally:
            for start, content in zip(starts, kept):
                os.pwrite(file, content, start)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    finally:
        os.close(file)


def scattered(source, blocks, each):
    """Where extents of `each` blocks begin, in bytes: anywhere on a block, none over another."""
    count = max(1, round(blocks * PART / each))
    # Drawn as if each had one block; then each moves by what those before it have more.
    drawn = sorted(source.sample(range(blocks - count * (each - 1)), count))
    return [(block + number * (each - 1)) * BLOCK for number, block in enumerate(drawn)]
