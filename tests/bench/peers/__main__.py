"""Measures Mover beside what people use now: one command, one table.

    python3 tests/bench/peers WORK [--sets tree,...] [--tools mover,restic,...] [--rounds 5]

WORK is a folder with room for each data set three times over, on the disk that is to be measured.
Tools that are missing are installed from their packages, at the versions in tools.py (`--install`;
Debian, as root). Every round each tool makes a new store, archives, archives again unchanged, and
restores everything and one small file; the order of tools turns from round to round, and every
restore is compared with its source. What is printed is medians; WORK/report.json and
WORK/report.svg have the same. Read in this order: `sets`, `tools`, `measure`, `report`.
"""

import argparse
import os
import sys
from pathlib import Path

import measure
import report
import sets
import tools


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/peers", description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--sets", default="tree", help=f"of {', '.join(sets.ALL)}; default: tree")
    parser.add_argument("--tools", default=",".join(tools.ALL), help=f"of {', '.join(tools.ALL)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--install", action="store_true", help="what is missing")
    arguments = parser.parse_args()

    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    chosen = [chosen_of(tools.ALL, name)(work) for name in arguments.tools.split(",")]
    for tool in chosen:
        if not tool.is_there():
            if not arguments.install:
                sys.exit(f"{tool.name} is missing: run again with --install, or leave it out of --tools")
            tool.install()
    found = {"machine": machine(), "tools": {tool.name: tool.version() for tool in chosen}, "sets": []}
    for name in arguments.sets.split(","):
        made = chosen_of(sets.ALL, name)(work)
        print(f"{name}: {made.describe()}", flush=True)
        found["sets"].append(measure.all_rounds(work, made, chosen, arguments.rounds))
    report.write(work, found)


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
