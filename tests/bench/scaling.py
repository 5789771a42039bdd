"""Measures what each stage of an archive costs, and says from that what bounds it elsewhere.

    python3 tests/bench/scaling.py WORK SOURCE [--rounds 5]

Archives SOURCE with one worker and with two, in turns, each time into a new store in WORK, by the
binary in $MOVER or target/release/mover; takes the medians of what the stages say of themselves
(`mover archive --json`), and prints them with the arithmetic for more processors and for links.
A stage's time is by the clock: on a machine that does other work it is too long.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path

PROCESSORS = (1, 2, 4, 8, 32, 128)
GIGABITS = (1, 10, 100)
# Of what a link carries, as two movers were seen to use it (README, figures).
LINK_SHARE = 0.95


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        MOVER_PASSPHRASE="a passphrase for a measurement",
        XDG_STATE_HOME=str(work / "state"),
        XDG_CACHE_HOME=str(work / "cache"),
    )
    archive(work, Path(__file__), 1)  # compiles the components, once
    runs = {1: [], 2: []}
    for number in range(arguments.rounds):
        for workers in sorted(runs, reverse=number % 2 == 1):
            runs[workers].append(archive(work, arguments.source, workers))
    shutil.rmtree(work / "store")
    print(f"{os.cpu_count()} processors, {arguments.source}, medians of {arguments.rounds} rounds in turns")
    for workers, reports in runs.items():
        seconds = median(report["seconds"] for report in reports)
        content = reports[0]["content_bytes"]
        print(f"  {workers} worker{'s' * (workers > 1)}: {seconds:.2f} s, {content / seconds / 1e6:.0f} MB/s of content")
    show_stages(runs)
    show_bounds(runs[1])


def archive(work, source, workers):
    """The report of one archive into a new store."""
    store = work / "store"
    shutil.rmtree(store, ignore_errors=True)
    mover = os.environ.get("MOVER", str(Path(__file__).resolve().parents[2] / "target/release/mover"))
    subprocess.run([mover, "init", store, "--quiet"], check=True)
    os.sync()
    command = [mover, "archive", source, "--to", store, "--name", "a", "--workers", str(workers), "--json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def median(values):
    return statistics.median(values)


def stages_of(reports):
    """For each stage its median of busy and of waiting milliseconds, and how many it is."""
    names = [stage["stage"] for stage in reports[0]["stages"]]
    return {
        name: tuple(median(report["stages"][at][key] for report in reports) for key in ("busy_ms", "wait_ms", "instances"))
        for at, name in enumerate(names)
    }


def show_stages(runs):
    print("\nmilliseconds of each stage, all its instances together")
    print(f"{'':<12}" + "".join(f"{f'busy, {workers} w.':>14}{f'waits, {workers} w.':>14}" for workers in runs))
    found = {workers: stages_of(reports) for workers, reports in runs.items()}
    for name in found[1]:
        print(f"{name:<12}" + "".join(f"{found[workers][name][0]:>14.0f}{found[workers][name][1]:>14.0f}" for workers in runs))


def show_bounds(reports):
    stages = {name: busy for name, (busy, _, _) in stages_of(reports).items()}
    content = reports[0]["content_bytes"]
    ratio = content / reports[0]["stored_bytes"]
    # A thread each, window by window; what packs gives identities too.
    packing = stages["identify"] + stages["lookup"] + stages["pack"]
    head = max(stages["walk"], stages["read"], stages["snoop"], stages["dedupe"], packing)
    encode, store, total = stages["encode"], stages["store"], sum(stages.values())
    speed = lambda milliseconds: content / milliseconds / 1e3  # noqa: E731: MB/s of content
    print(f"\none head: {speed(head):.0f} MB/s = {content / 1e6:.0f} MB in {head:.0f} ms")
    print("  the most of walk, read, snoop, dedupe, and identify + lookup + pack")
    print(f"one worker: {speed(encode):.0f} MB/s; the tail: {speed(store):.0f} MB/s; all on one processor: {speed(total):.0f} MB/s")
    print(f"stored: 1 byte for {ratio:.2f} of content\n")
    print(f"{'processors':<12}{'local MB/s':>12}  {'bound by':<12}" + "".join(f"{f'{gigabit} Gbit/s':>14}  {'bound by':<12}" for gigabit in GIGABITS))
    for processors in PROCESSORS:
        bounds = {
            "processors": speed(total) * processors,
            "head": speed(head),
            "workers": speed(encode) * processors,
            "tail": speed(store),
        }
        row = f"{processors:<12}"
        for gigabit in (None, *GIGABITS):
            link = {} if gigabit is None else {"link": gigabit * 1000 / 8 * LINK_SHARE * ratio}
            name, least = min({**bounds, **link}.items(), key=lambda bound: bound[1])
            row += f"{least:>{12 if gigabit is None else 14}.0f}  {name:<12}"
        print(row)
    print("\nMB/s of content, each the least of: all stages' time over the processors, the head, the")
    print(f"tail, as many workers as processors, and {LINK_SHARE} of the link times what content a stored byte is")


if __name__ == "__main__":
    main()
