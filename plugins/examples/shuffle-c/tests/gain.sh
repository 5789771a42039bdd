#!/usr/bin/env bash
# What the shuffle gains on numbers as instruments write them: `tests/gain.sh MOVER COMPONENT`.
set -euo pipefail
mover=$(realpath "$1") component=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"
cd "$work"
python3 - <<'END'
import array, os, random, sys

random.seed(1)
time, value = 1_700_000_000, 20.0
times, temperatures = array.array("I"), array.array("f")
for _ in range(8 << 20):
    time += random.randrange(4)
    value += random.gauss(0, 0.01)
    times.append(time)
    temperatures.append(value)
for name, numbers in (("times", times), ("temperatures", temperatures)):
    if sys.byteorder == "big":
        numbers.byteswap()
    os.mkdir(name)
    with open(f"{name}/data", "wb") as file:
        numbers.tofile(file)
END
for numbers in times temperatures; do
    for shuffled in no yes; do
        stages=(--stage zstd)
        [ "$shuffled" = no ] || stages=(--stage "$component={\"width\":4}" --stage zstd)
        store="$numbers-$shuffled"
        "$mover" --quiet init "$store" --no-encryption
        "$mover" --quiet archive "$numbers" --to "$store" "${stages[@]}"
        "$mover" --quiet restore "$store" latest --into "back-$store"
        diff -r "$numbers" "back-$store"
        echo "$numbers, shuffled: $shuffled: $(du -sb "$store" | cut -f1) bytes"
    done
done
