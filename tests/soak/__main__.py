"""Runs mover for hours: archives, kills, restores, prunes, migrates, and looks whether all stays right
and nothing grows.

    python3 tests/soak WORK --minutes 60 --seed 1 [--mover target/release/mover] [--json FILE]

WORK is a new folder on the file system that is to be soaked, with 10 GB of room. Everything lies
there: the source, a plain copy of it for each archive that is kept, three stores, the state of two
machines, a copy of the binary, and in log/commands what was done. Only
loopback is spoken to. It runs at the lowest priority, and as root it has more to look at: owners.

Steps are drawn from the seed until the time is over: the source is edited, archived, restored
(whole, in parts, into a folder that somebody tampers with), archives are dropped, pruned, copied
and moved between pools, the store is verified, its catalog is deleted. Of the commands that write,
about half are killed (SIGKILL) up to three times and run again. What mover has acknowledged is
shown and can be restored until it was dropped or pruned here; each restore is compared with the
plain copy, by code that is none of mover's and that is proved first, on that file system: planted
differences of every kind have to be found. At the end every kept archive is restored once more.

A seed replays its decisions. Moments of kills are shares of the time that a command usually takes,
so what they hit differs from run to run, and with it, now and then, which archives there are.

The table at the end has the medians of the first and the last quarter of the run for each command's
peak of memory, for the server's memory, threads and descriptors while it is idle, and for files
that are left over; `grows` is said where the last is above the first by more than is stated there.
In a run of some minutes the first quarter is a beginning, and says little: an hour says more.

Exit code 0: all was right, whatever grows. 1: something was not; seed, step and command are
printed, and WORK stays as it was at that moment. 2: it could not begin. 130: it was interrupted.

Read in this order: `tree`, `same`, `commands`, `server`, `stores`, `steps`, `report`.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import report
import same
from commands import Commands, Failed, Machine
from report import Notes
from server import Server
from steps import Soak
from stores import Pools, Served, Store
from tree import Tree

INTERRUPTED = "interrupted"
ROOT = Path(__file__).resolve().parents[2]


def main():
    arguments = parse()
    os.nice(arguments.nice)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work = prepare(arguments)
    missed = same.prove(work)
    if missed:
        sys.exit(f"the comparison does not find: {', '.join(missed)}")
    run = Run(arguments, work)
    code = run.guarded()
    print("\n".join(run.summary()), flush=True)
    if arguments.json:
        arguments.json.write_text(report.document(run.notes, run.facts()), encoding="utf-8")
    sys.exit(code)


def parse():
    parser = argparse.ArgumentParser(prog="tests/soak", description=__doc__.split("\n\n")[0])
    parser.add_argument("work", type=Path, help="a new folder, with 10 GB of room")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--mover", type=Path, default=ROOT / "target/release/mover")
    parser.add_argument("--json", type=Path, help="write all that was seen into this file")
    parser.add_argument("--progress", type=float, default=5, help="minutes from one line to the next; default: 5")
    parser.add_argument("--nice", type=int, default=19, help="default: 19, the lowest priority")
    return parser.parse_args()


def prepare(arguments):
    """The folder, and in it a copy of the binary, which may be built anew meanwhile."""
    work = arguments.work.resolve()
    if work.exists() and any(work.iterdir()):
        print(f"{work} is not empty: name a new folder", file=sys.stderr)
        sys.exit(2)
    if not arguments.mover.is_file():
        print(f"{arguments.mover} is missing: cargo build --release -p mover", file=sys.stderr)
        sys.exit(2)
    work.mkdir(parents=True, exist_ok=True)
    shutil.copy2(arguments.mover, work / "mover")
    return work


class Run:
    """One run, from its preparations to its table."""

    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        self.notes = Notes()
        self.commands = Commands(work, self.notes)
        self.begun = time.monotonic()
        self.number = 0
        self.soak = self.server = self.failure = None

    def guarded(self):
        """The exit code; whatever happens, no server is left behind."""
        try:
            self.begin()
            # What was made ready is none of the time that was asked for.
            self.begun = time.monotonic()
            self.steps()
            self.soak.finish(self.random("the end"))
            return 0
        except Failed as failure:
            self.failure = str(failure)
            return 1
        except KeyboardInterrupt:
            self.failure = INTERRUPTED
            return 130
        except Exception:
            # An answer that is no answer, or a mistake here: seed and step matter all the same.
            self.failure = traceback.format_exc()
            return 1
        finally:
            if self.server:
                self.server.kill()

    def begin(self):
        """Two machines, three stores, a server and a tree."""
        client = Machine(self.work / "client", self.work / "mover", self.work / "cache")
        self.server = Server(Machine(self.work / "server", self.work / "mover", self.work / "cache"), client, self.commands)
        (self.work / "pools").mkdir()
        stores = [
            Store(client, self.work / "local", self.commands),
            Served(client, self.server, self.commands),
            Pools(client, self.work / "pools/store", self.commands),
        ]
        tree = Tree(self.work / "source")
        tree.begin(self.random("the tree"))
        self.soak = Soak(self.work, tree, stores, self.server, self.commands, self.notes)

    def random(self, what):
        return random.Random(f"{self.arguments.seed} {what}")

    def steps(self):
        told = 0
        while self.minutes() < self.arguments.minutes:
            self.number += 1
            self.commands.say(f"step {self.number}, {self.minutes():.2f} min")
            self.soak.take(self.random(self.number))
            if self.minutes() - told >= self.arguments.progress:
                told = self.minutes()
                print(report.progress(self.soak, told, self.number), flush=True)

    def minutes(self):
        return (time.monotonic() - self.begun) / 60

    def facts(self):
        arguments = self.arguments
        failure = {"failure": self.failure, "command": self.commands.shown} if self.failure else {}
        return {"seed": arguments.seed, "minutes": self.minutes(), "steps": self.number, "own_peak": report.own_peak()} | failure

    def summary(self):
        yield f"seed {self.arguments.seed}, {self.number} steps, {self.minutes():.1f} min with what is done at the end"
        yield from report.lines(self.notes)
        if grows := self.notes.grows():
            yield f"grows: {'; '.join(grows)}"
        if self.failure:
            how = "ended" if self.failure == INTERRUPTED else "FAILED"
            yield f"{how}: seed {self.arguments.seed}, step {self.number}: {self.failure}"
            yield f"the last command: {self.commands.shown}"
            yield f"{self.work} is as it was then; log/commands has all that was run"
        else:
            yield "all was right"


if __name__ == "__main__":
    main()
