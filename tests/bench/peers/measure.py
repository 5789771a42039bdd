"""Runs the steps of each tool in turns, and notes time, peak memory and what was stored."""

import os
import shutil
import statistics
import subprocess
import sys
import time

STEPS = ("archive", "again", "restore", "one file")


def all_rounds(work, data, tools, rounds):
    """The medians of each step of each tool, and all that they are of."""
    os.sync()
    # Warm for everyone: what is measured is the tools, and not the first who reads.
    subprocess.run(["tar", "-C", data.source, "-cf", "/dev/null", "."], check=True)
    notes = {tool.name: {step: [] for step in STEPS} for tool in tools}
    for number in range(rounds):
        turn = number % len(tools)
        for tool in tools[turn:] + tools[:turn]:
            for step, note in one_round(work, data, tool):
                notes[tool.name][step].append(note)
                print(f"  round {number + 1}, {tool.name}, {step}: {note['seconds']:.2f} s", flush=True)
    return {
        "set": data.name,
        "rounds": rounds,
        "notes": notes,
        "medians": {
            name: {step: medians(of_step) for step, of_step in steps.items() if of_step}
            for name, steps in notes.items()
        },
    }


def medians(notes):
    return {key: statistics.median(note[key] for note in notes) for key in notes[0]}


def one_round(work, data, tool):
    """Every step with what it took."""
    store, restored = work / "store", work / "restored"
    for folder in (store, restored):
        shutil.rmtree(folder, ignore_errors=True)
    tool.init(store)
    yield "archive", timed(work, store, tool.archive(store, data.source, "first"))
    if tool.is_incremental:
        yield "again", timed(work, store, tool.archive(store, data.source, "second"))
    restored.mkdir()
    yield "restore", timed(work, store, tool.restore(store, data.source, restored))
    compare(data.source, tool.restored(restored, data.source), tool.name)
    shutil.rmtree(restored)
    restored.mkdir()
    small = data.small_file()
    command = tool.restore_one(store, data.source, small, restored)
    if command:
        yield "one file", timed(work, store, command)
        back = tool.restored(restored, data.source) / small.relative_to(data.source)
        if back.read_bytes() != small.read_bytes():
            sys.exit(f"{tool.name} restored another {small}")
    for folder in (store, restored):
        shutil.rmtree(folder, ignore_errors=True)


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
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def compare(source, restored, name):
    differences = subprocess.run(
        ["rsync", "-aHAXn", "--checksum", "--delete", "--itemize-changes", f"{source}/", f"{restored}/"],
        check=True, capture_output=True, text=True,
    ).stdout
    if differences:
        sys.exit(f"{name} restored something else:\n" + "\n".join(differences.splitlines()[:20]))
