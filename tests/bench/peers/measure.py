"""Runs the rounds of each tool in turns, and notes time, peak memory and what was stored."""

import os
import shutil
import stat
import statistics
import subprocess
import sys
import time


def all_rounds(work, data, tools, rounds, one_round):
    """The medians of each step of each tool, and all that they are of."""
    os.sync()
    # Warm for everyone: what is measured is the tools, and not the first who reads.
    # Through a pipe, since tar reads nothing if it sees that it writes to /dev/null.
    subprocess.run(["bash", "-c", 'set -o pipefail; tar -C "$0" -cf - . | cat >/dev/null', data.source], check=True)
    notes = {tool.name: {} for tool in tools}
    for number in range(rounds):
        turn = number % len(tools)
        for tool in tools[turn:] + tools[:turn]:
            for step, note in one_round(work, data, tool):
                notes[tool.name].setdefault(step, []).append(note)
                print(f"  round {number + 1}, {tool.name}, {step}: {note['seconds']:.2f} s", flush=True)
    return {
        "set": data.name,
        "rounds": rounds,
        "notes": notes,
        "medians": {name: {step: medians(of_step) for step, of_step in steps.items()} for name, steps in notes.items()},
    }


def medians(notes):
    return {key: statistics.median(note[key] for note in notes) for key in notes[0]}


def remove(*paths):
    """What a tool left: a folder, or the one file of a pipe."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def timed(work, store, command):
    os.sync()
    log, note = work / "log", work / "time"
    with open(log, "wb") as output:
        begun = time.monotonic()
        done = subprocess.run(
            ["/usr/bin/time", "-f", "%M %U %S", "-o", note, *command],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=work, check=False,
        )
        seconds = time.monotonic() - begun
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{log.read_text(errors='replace')}")
    peak, user, system = note.read_text().split()[-3:]
    return {
        "seconds": seconds,
        "cpu_seconds": float(user) + float(system),
        "peak_bytes": int(peak) * 1024,
        "stored_bytes": length_of(store),
    }


def length_of(path):
    """The bytes of all regular files, of each one once, whatever its names are."""
    found = (one.lstat() for one in (path, *path.rglob("*")))
    return sum({one.st_ino: one.st_size for one in found if stat.S_ISREG(one.st_mode)}.values())


def compare(source, restored, name, kept=("-aHAX",)):
    """Ends if something is not as in the source, of what rsync sees with the options `kept`."""
    differences = subprocess.run(
        ["rsync", *kept, "-n", "--checksum", "--delete", "--itemize-changes", f"{source}/", f"{restored}/"],
        check=True, capture_output=True, text=True,
    ).stdout
    if differences:
        sys.exit(f"{name} restored something else:\n" + "\n".join(differences.splitlines()[:20]))
