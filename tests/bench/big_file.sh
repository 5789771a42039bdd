#!/usr/bin/env bash
# Archives a file of 1 GB, edits 10 bytes, archives again; prints what was added.
#
#   tests/bench/big_file.sh WORK [MEGABYTES]
#
# WORK is a folder with about 4 GB of room. Needs mover (in $MOVER, or target/release/mover) and cmp.
set -euo pipefail

work=${1:?usage: big_file.sh WORK [MEGABYTES]}
megabytes=${2:-1000}
mover=${MOVER:-$(cd "$(dirname "$0")/../.." && pwd)/target/release/mover}
mkdir -p "$work"
work=$(cd "$work" && pwd)
export MOVER_PASSPHRASE='a passphrase for a measurement'
export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache

rm -rf "$work/big" "$work/store" "$work/restored"
mkdir "$work/big"
head -c "$((megabytes * 1000000))" /dev/urandom >"$work/big/file"
"$mover" init "$work/store" --quiet

stored() { cat "$work"/store/volumes/* | wc -c; }
archive() {
    /usr/bin/time -f "$1: %e s, %M KiB" "$mover" archive "$work/big" --to "$work/store" --name "$1" --quiet
}

archive first
before=$(stored)
printf 'ten bytes!' | dd of="$work/big/file" bs=1 seek=$((megabytes * 500000 + 12345)) conv=notrunc status=none
archive second
added=$(($(stored) - before))
echo "$before bytes were stored, and 10 edited bytes added $added"
"$mover" restore "$work/store" second --into "$work/restored" --quiet
cmp "$work/big/file" "$work/restored/file"
echo "restored the same"
rm -rf "$work/big" "$work/store" "$work/restored"
[ "$added" -lt 3000000 ]
