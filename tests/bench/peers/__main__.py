"""Measures Mover beside what people use now: one command, one table.

    python3 tests/bench/peers WORK [--sets tree,...] [--tools mover,restic,...] [--rounds 5]
    python3 tests/bench/peers WORK --transfer [...]

WORK is a folder with room for each data set three times over, on the disk that is to be measured;
not on ext4 without a journal, where files are made slowly for minutes after others were deleted.
Tools that are missing are installed from their packages, at the versions in tools.py and
transfer.py (`--install`; Debian, as root). Every round each tool makes a new store, archives,
archives again unchanged, and restores everything and one small file; the order of tools turns from
round to round, and every restore is compared with its source. The set `image` then changes, in two
ways, and of `versions` one release is archived after another. With `--transfer` the tools are those
that bring a set to another machine. What is printed is medians; WORK/report.json and
WORK/report.svg have the same. Read in this order: `sets`, `tools`, `transfer`, `rounds`, `measure`,
`report`.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import measure
import report
import rounds
import sets
import tools
import transfer


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/peers", description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--sets", default="tree", help=f"of {', '.join(sets.ALL)}; default: tree")
    parser.add_argument("--tools", help=f"of {', '.join(tools.ALL)}, or to transfer {', '.join(transfer.ALL)}; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", help="of again, restore, one file, changed 1 MiB, changed 4 KiB, behind the first archive; default: all")
    parser.add_argument("--transfer", action="store_true", help="measure copies over the network")
    parser.add_argument("--scale", type=float, default=1, help="sets so much larger or smaller, such as 0.01 to try it out")
    parser.add_argument("--install", action="store_true", help="what is missing")
    arguments = parser.parse_args()

    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    all_tools = transfer.ALL if arguments.transfer else tools.ALL
    chosen_sets = [chosen_of(sets.ALL, name) for name in arguments.sets.split(",")]
    chosen = [chosen_of(all_tools, name)(work) for name in (arguments.tools or ",".join(all_tools)).split(",")]
    for tool in chosen:
        if not tool.is_there():
            if not arguments.install:
                sys.exit(f"{tool.name} is missing: run again with --install, or leave it out of --tools")
            tool.install()
    found = {
        "machine": machine(),
        "remarks": remarks(arguments),
        "tools": {tool.name: tool.version() for tool in chosen},
        "sets": [],
    }
    for one in chosen_sets:
        made = one(work, arguments.scale)
        print(f"{made.name}: {made.describe()}", flush=True)
        one_round = rounds.transfer if arguments.transfer else made.one_round
        if arguments.steps:
            if one_round is not rounds.archive:
                sys.exit("--steps chooses among those of a set that is archived and restored: not versions, no --transfer")
            one_round = partial(one_round, wants=arguments.steps.split(",").__contains__)
        found["sets"].append(measure.all_rounds(work, made, chosen, arguments.rounds, one_round))
    report.write(work, found)


def remarks(arguments):
    scaled = [] if arguments.scale == 1 else [f"the sets are scaled by {arguments.scale:g}"]
    return scaled + [transfer.REMARK] * arguments.transfer


def chosen_of(all_of_them, name):
    try:
        return all_of_them[name]
    except KeyError:
        sys.exit(f"there is no {name}: choose of {', '.join(all_of_them)}")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        models = [line.split(": ")[1].strip() for line in info if line.startswith("model name")]
    return f"{os.cpu_count()} processors ({models[0] if models else 'unknown'}), Linux {os.uname().release}"


if __name__ == "__main__":
    main()
