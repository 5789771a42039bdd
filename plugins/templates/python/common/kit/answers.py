"""Answers calls of the contract. Written by `mover plugin new`; change nothing in it."""

import functools
import io
import os.path
import sys
import traceback
from importlib.machinery import PathFinder

from componentize_py_types import Err
from wit_world.imports.types import Error, ErrorKind

import plugin
from mover_plugin import ConfigError, CorruptError, log


def answering(function):
    """What the contract calls: whatever is raised in it becomes an error, and nothing a trap."""

    @functools.wraps(function)
    def answer(*arguments):
        _settle()
        try:
            return function(*arguments)
        except ConfigError as error:
            kind, message = ErrorKind.INVALID_CONFIG, str(error)
        except CorruptError as error:
            kind, message = ErrorKind.CORRUPT_INPUT, str(error)
        except BaseException as error:
            kind, message = ErrorKind.OTHER, _told(error)
        # Outside of `except`: an exception with a context keeps the sink of the call alive.
        raise Err(Error(kind, message))

    return answer


def as_bytes(value):
    """What a plugin gave, for the contract, which takes nothing else."""
    if isinstance(value, bytearray):
        return bytes(value)
    if not isinstance(value, bytes):
        raise TypeError(f"it gives {type(value).__name__}, and not bytes")
    return value


def _settle():
    """Makes ready for a place without files, where reading one or printing ends in a trap."""
    if PathFinder in sys.meta_path:
        # Not while the component is built, when modules are still read.
        sys.meta_path.remove(PathFinder)
        sys.stdout = sys.stderr = _Printed()


class _Printed(io.TextIOBase):
    """Where `print` prints: lines of the log."""

    def __init__(self):
        self.line = ""

    def write(self, text):
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            log("debug", line)
        return len(text)


def _told(error):
    """One line: type, message, and the innermost line of the author's that it came through."""
    told = " ".join(f"{type(error).__name__}: {error}".split())
    place = ""
    own = os.path.dirname(plugin.__file__)
    for frame, line in traceback.walk_tb(error.__traceback__):
        folder, name = os.path.split(frame.f_code.co_filename)
        if folder == own:
            place = f" (src/{name}, line {line}, in {frame.f_code.co_name})"
    # The contract's bound, in bytes.
    room = 1024 - len(place.encode())
    return told.encode()[:room].decode(errors="ignore") + place
