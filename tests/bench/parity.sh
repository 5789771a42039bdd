#!/usr/bin/env bash
# What parity costs and what it takes to heal, beside par2 on the same volumes in the same run.
#
#   tests/bench/parity.sh WORK [MEGABYTES] [ROUNDS]
#
# WORK is a folder with room for five times as much. Needs mover (in $MOVER, or
# target/release/mover), par2 and cmp. Prints seconds, peak memory, and bytes of parity.
set -euo pipefail

work=${1:?usage: parity.sh WORK [MEGABYTES] [ROUNDS]}
megabytes=${2:-1000}
rounds=${3:-3}
mover=${MOVER:-$(cd "$(dirname "$0")/../.." && pwd)/target/release/mover}
mkdir -p "$work"
work=$(cd "$work" && pwd)
export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache
volumes=$work/store/volumes

timed() {
    /usr/bin/time -o "$work/time" -f "  $1: %e s, %M KiB" "${@:2}" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    cat "$work/time"
}
sizes() { cat "$volumes"/$1 | wc -c; }
drop() { sync; echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || true; }

rm -rf "$work/source" "$work/store" "$work/par2" "$work/restored"
mkdir "$work/source"
head -c "$((megabytes * 1000000))" /dev/urandom >"$work/source/file"
"$mover" init "$work/store" --no-encryption --quiet
# Eleven volumes and a bit: ten closed ones are a set.
"$mover" archive "$work/source" --to "$work/store" --volume-size $((megabytes * 1000000 / 10)) --quiet
echo "$(sizes '*.volume') bytes in $(ls "$volumes"/*.volume | wc -l) volumes"

for round in $(seq "$rounds"); do
    echo "round $round"
    "$mover" media protect "$work/store" --parity none --quiet
    drop
    timed "mover, 10+2 made" "$mover" media protect "$work/store" --parity 10+2 --quiet
    echo "  $(sizes '*.parity') bytes of parity"
    mkdir "$work/par2"
    ln "$volumes"/*.volume "$work/par2"
    drop
    timed "par2, 20 %% made" par2 create -q -q -t2 -r20 -n2 "$work/par2/set" "$work"/par2/*.volume
    echo "  $(cat "$work"/par2/*.par2 | wc -c) bytes of parity"

    lost=$volumes/00000003.volume
    cp "$lost" "$work/lost"
    rm "$lost"
    drop
    timed "mover, a lost volume given back, with the checks" "$mover" verify "$work/store" --repair --quiet
    cmp "$lost" "$work/lost"
    rm "$work/par2/00000003.volume"
    drop
    timed "par2, a lost volume given back" par2 repair -q -q -t2 "$work/par2/set.par2"
    cmp "$work/par2/00000003.volume" "$work/lost"
    rm -rf "$work/par2" "$work/lost"
done
rm -rf "$work/source" "$work/store"
