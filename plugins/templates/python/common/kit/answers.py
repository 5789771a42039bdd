"""Turns exceptions into errors of the contract. Written by `mover plugin new`; change nothing in it."""

import functools
import os.path
import traceback

from componentize_py_types import Err
from wit_world.imports.types import Error, ErrorKind

import plugin
from mover_plugin import ConfigError, CorruptError


def answering(function):
    """What the contract calls: whatever is raised in it becomes an error, and nothing a trap."""

    @functools.wraps(function)
    def answer(*arguments):
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


def _told(error):
    """One line: type, message, and the innermost line of the author's that it came through."""
    told = " ".join(f"{type(error).__name__}: {error}".split())
    own = os.path.dirname(plugin.__file__)
    for frame, line in traceback.walk_tb(error.__traceback__):
        folder, name = os.path.split(frame.f_code.co_filename)
        if folder == own:
            place = f" (src/{name}, line {line}, in {frame.f_code.co_name})"
    # The contract's bound, in bytes.
    return told.encode()[: 1024 - len(place)].decode(errors="ignore") + place
