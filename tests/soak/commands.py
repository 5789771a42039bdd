"""Runs mover: to its end or until it is killed, and notes what it took."""

import json
import os
import select
import shlex
import signal
import statistics
import subprocess
import time
from collections import deque
from dataclasses import dataclass

# What has not ended by then hangs.
SECONDS_MAX = 1800


class Failed(Exception):
    """Something is not as it has to be; the run ends."""


@dataclass
class Done:
    """A run that has ended."""

    code: int
    killed: bool
    stdout: str
    stderr: str

    def documents(self, kind):
        """The JSON lines of a type; one that a kill has cut is none."""
        lines = (json.loads(line) for line in self.stdout.splitlines() if line.endswith("}"))
        return [line for line in lines if line.get("type") == kind]

    def report(self):
        return self.documents("report")[-1]


class Machine:
    """Where mover keeps what is of one machine: its identity, its keys, its journals."""

    def __init__(self, folder, binary, cache):
        self.folder, self.binary = folder, binary
        for name in ("home", "state", "tmp"):
            (folder / name).mkdir(parents=True)
        # Compiled code is shared, and signed with a key of the machine.
        (folder / "state/mover").mkdir()
        (folder / "state/mover/cache.key").write_bytes(b"soak" * 8)
        self.variables = {
            "HOME": folder / "home",
            "XDG_STATE_HOME": folder / "state",
            "XDG_CACHE_HOME": cache,
            "TMPDIR": folder / "tmp",
            "RUST_BACKTRACE": "1",
        }

    def environment(self):
        """Nothing of the user's own has a say in it."""
        foreign = ("MOVER_", "XDG_", "FAILPOINTS")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return inherited | {name: str(value) for name, value in self.variables.items()}

    def command(self, arguments):
        return [str(self.binary), *map(str, arguments)]

    def shown(self, arguments):
        """The command as it can be typed again."""
        variables = (f"{name}={shlex.quote(str(value))}" for name, value in self.variables.items())
        return " ".join([f"cd {shlex.quote(str(self.folder))};", "env", *variables, shlex.join(self.command(arguments))])


    def temporary(self):
        """Files that were to be there for a moment."""
        return sorted(map(str, [*(self.folder / "tmp").rglob("*"), *(self.folder / "state").rglob(".*")]))

    def journals(self):
        """Journals of what was interrupted and not gone on with."""
        return sorted(map(str, (self.folder / "state").rglob("*.journal")))

    def sockets(self):
        """Where sessions were asked how they are; those of killed ones wait for whoever asks."""
        return sorted(map(str, (self.folder / "state/mover/sessions").glob("*.socket")))


class Commands:
    """Runs commands, one at a time, and keeps notes by their kind."""

    def __init__(self, work, notes):
        self.notes = notes
        self.folder = work / "log"
        self.folder.mkdir()
        self.log = open(self.folder / "commands", "a", encoding="utf-8", errors="surrogateescape")
        # How long the latest of a kind took.
        self.seconds = {}
        # The last one, for whoever has to look at it.
        self.shown = ""

    def say(self, text):
        self.log.write(text + "\n")
        self.log.flush()

    def ok(self, kind, machine, arguments):
        """Runs a command to its end, which has to be a good one."""
        return self.run(kind, machine, arguments)

    def fails(self, kind, machine, arguments):
        """Runs a command that has to find faults."""
        return self.run(f"{kind}, faults", machine, arguments, code_wanted=1)

    def kill(self, kind, machine, arguments, share):
        """Kills a command at a part of the time that such ones take, if it has not ended by then."""
        usual = statistics.median(self.seconds.get(kind, [1.0]))
        return self.run(kind, machine, arguments, kill_after=usual * share)

    def run(self, kind, machine, arguments, kill_after=None, code_wanted=0):
        self.shown = machine.shown(arguments)
        begun = time.monotonic()
        code, killed, peak = self.end(self.spawn(machine, arguments), kill_after)
        seconds = time.monotonic() - begun
        done = Done(code, killed, self.output("stdout"), self.output("stderr"))
        how = f"killed after {seconds:.3f} s" if killed else f"exit code {code}, {seconds:.3f} s, {peak >> 20} MiB"
        self.say(f"  {kind}: {how}: {machine.folder.name}$ mover {shlex.join(map(str, arguments))}")
        if "panicked at" in done.stderr:
            raise Failed(f"it panics:\n{done.stderr}")
        if killed:
            self.notes.count("kills", kind)
            return done
        if code != code_wanted:
            raise Failed(f"exit code {code}:\n{done.stderr}\n{done.stdout[-2000:]}")
        self.seconds.setdefault(kind, deque(maxlen=9)).append(seconds)
        self.notes.add("peak of memory", kind, peak)
        self.notes.add("seconds", kind, seconds)
        return done

    def spawn(self, machine, arguments):
        with open(self.folder / "stdout", "wb") as stdout, open(self.folder / "stderr", "wb") as stderr:
            return subprocess.Popen(
                machine.command(arguments), env=machine.environment(), cwd=machine.folder,
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            )

    def end(self, child, kill_after):
        """The exit code, whether it was killed, and its peak of memory in bytes."""
        try:
            killed = not ends(child.pid, SECONDS_MAX if kill_after is None else kill_after)
        except BaseException:
            # Who ends the soak ends what it runs.
            kill(child)
            raise
        if killed:
            kill(child)
        _, status, usage = os.wait4(child.pid, 0)
        code = child.returncode = os.waitstatus_to_exitcode(status)
        if killed and kill_after is None:
            raise Failed(f"it has not ended after {SECONDS_MAX} s, and was killed")
        # It may have ended by itself in the last moment.
        return code, killed and code < 0, usage.ru_maxrss * 1024

    def output(self, name):
        return (self.folder / name).read_text(encoding="utf-8", errors="surrogateescape")


def kill(child):
    """`Popen.kill` would wait for one that has ended in this moment, and take its usage with it."""
    os.kill(child.pid, signal.SIGKILL)


def ends(process, seconds):
    """Whether a child ends within so many seconds; it is not waited for."""
    handle = os.pidfd_open(process)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)
