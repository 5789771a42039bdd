#!/usr/bin/env bash
# Archives, lists and restores 1,000,000 files of 100 bytes; prints time and peak memory.
#
#   tests/bench/million_files.sh WORK [FOLDERS]
#
# WORK is a folder with about 10 GB and 3,000,000 inodes of room; FOLDERS of 1000 files each are
# 1000 by default. Needs mover (in $MOVER, or target/release/mover), rsync and GNU time.
set -euo pipefail

work=${1:?usage: million_files.sh WORK [FOLDERS]}
folders=${2:-1000}
mover=${MOVER:-$(cd "$(dirname "$0")/../.." && pwd)/target/release/mover}
mkdir -p "$work"
work=$(cd "$work" && pwd)
export MOVER_PASSPHRASE='a passphrase for a measurement'
export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache

tree=$work/million-$folders
if [ ! -f "$tree.made" ]; then
    rm -rf "$tree"
    mkdir -p "$tree"
    for ((folder = 0; folder < folders; folder++)); do
        inside=$(printf '%s/%04d' "$tree" "$folder")
        mkdir "$inside"
        # 75 bytes of noise are 100 of text; split numbers the files by itself.
        head -c 75000 /dev/urandom | base64 -w 0 | split -b 100 -a 4 -d - "$inside/file-"
    done
    touch "$tree.made"
fi
rm -rf "$work/store" "$work/restored"

measure() {
    local step=$1
    shift
    /usr/bin/time -f '%e %M' -o "$work/time" "$@" >"$work/$step.log"
    local seconds kibibytes
    read -r seconds kibibytes <"$work/time"
    printf '%-10s %10.2f s %8d MiB\n' "$step" "$seconds" $((kibibytes / 1024))
}

"$mover" init "$work/store" --quiet
measure archive "$mover" archive "$tree" --to "$work/store" --name a
measure second "$mover" archive "$tree" --to "$work/store" --name b
measure list "$mover" list "$work/store" a
printf 'list: %d lines, the first after %s s\n' "$(wc -l <"$work/list.log")" "$(
    begin=$(date +%s.%N)
    "$mover" list "$work/store" a | head -1 >/dev/null || true
    end=$(date +%s.%N)
    awk -v begin="$begin" -v end="$end" 'BEGIN { printf "%.2f", end - begin }'
)"
measure one "$mover" restore "$work/store" a 0000/file-0500 --into "$work/one"
measure restore "$mover" restore "$work/store" a --into "$work/restored"
printf 'store: %d bytes\n' "$(du -s --apparent-size -B1 "$work/store" | cut -f1)"
if [ -n "$(rsync -aHAXn --checksum --delete --itemize-changes "$tree/" "$work/restored/")" ]; then
    echo "what was restored is something else" >&2
    exit 1
fi
echo "restored the same"
rm -rf "$work/store" "$work/restored" "$work/one"
