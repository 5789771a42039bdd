#!/usr/bin/env bash
# Archives and restores a real tree with mover and with restic, and prints both beside each other.
#
#   tests/bench/system_tree.sh WORK [RUNS]
#
# WORK is a folder with about 20 GB of room on a quiet disk; RUNS is 3 by default.
# Needs mover (in $MOVER, or target/release/mover), restic, rsync and GNU time.
# In every run each tool makes a new store, archives, archives again and restores; which of them
# begins alternates. Every restore is compared with the tree by rsync --checksum.
set -euo pipefail

work=${1:?usage: system_tree.sh WORK [RUNS]}
runs=${2:-3}
mover=${MOVER:-$(cd "$(dirname "$0")/../.." && pwd)/target/release/mover}
bytes_min=1500000000
files_min=35000

for tool in "$mover" restic rsync /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
mkdir -p "$work"
work=$(cd "$work" && pwd)
tree=$work/tree
results=$work/results.tsv
export MOVER_PASSPHRASE='a passphrase for a measurement'
export RESTIC_PASSWORD=$MOVER_PASSPHRASE RESTIC_CACHE_DIR=$work/restic-cache
export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache

count() { find "$tree" -type f | wc -l; }
size() { du -s --apparent-size -B1 "$1" | cut -f1; }

build_tree() {
    mkdir -p "$tree"
    local source
    for source in /usr/include /usr/lib /usr/share ~/.cargo/registry/src /usr/local /usr/bin /opt; do
        [ -d "$source" ] || continue
        if [ "$(count)" -ge $files_min ] && [ "$(size "$tree")" -ge $bytes_min ]; then break; fi
        mkdir -p "$tree$source"
        rsync -aHAX --exclude="$work" "$source/" "$tree$source/"
    done
    if [ "$(count)" -lt $files_min ] || [ "$(size "$tree")" -lt $bytes_min ]; then
        echo "this machine has too few files: $(count) files, $(size "$tree") bytes" >&2
        exit 2
    fi
}

# measure TOOL STEP COMMAND...: one line of results
measure() {
    local tool=$1 step=$2
    shift 2
    sync
    if ! /usr/bin/time -f '%e %M' -o "$work/time" "$@" >"$work/$tool-$step.log" 2>&1; then
        echo "$tool $step failed: $*" >&2
        cat "$work/$tool-$step.log" >&2
        exit 1
    fi
    local seconds kibibytes
    read -r seconds kibibytes <"$work/time"
    printf '%s\t%s\t%s\t%s\t%s\n' "$tool" "$step" "$seconds" "$kibibytes" "$(size "$work/store")" \
        >>"$results"
}

compare() {
    local differences
    differences=$(rsync -aHAXn --checksum --delete --itemize-changes "$tree/" "$1/")
    if [ -n "$differences" ]; then
        echo "$2 restored something else:" >&2
        head -20 <<<"$differences" >&2
        exit 1
    fi
}

run_mover() {
    rm -rf "$work/store" "$work/restored"
    measure mover init "$mover" init "$work/store"
    measure mover archive "$mover" archive "$tree" --to "$work/store" --name a --quiet
    measure mover second "$mover" archive "$tree" --to "$work/store" --name b --quiet
    measure mover restore "$mover" restore "$work/store" a --into "$work/restored" --quiet
    compare "$work/restored" mover
}

run_restic() {
    rm -rf "$work/store" "$work/restored"
    measure restic init restic init --repository-version 2 -r "$work/store"
    # By a relative path, so that only the tree's own folder stands above what is restored.
    cd "$work"
    measure restic archive restic backup --compression auto -r "$work/store" --quiet tree
    measure restic second restic backup --compression auto -r "$work/store" --quiet tree
    measure restic restore restic restore latest -r "$work/store" --target "$work/restored" --quiet
    compare "$work/restored/tree" restic
}

build_tree
echo "tree: $(count) files, $(size "$tree") bytes; $(nproc) processors; $("$mover" --version); $(restic version | head -1)"
# Code is compiled once for each installation, and not in the first measurement. The tree is warm.
rm -rf "$work/store"
"$mover" init "$work/store" >/dev/null
"$mover" archive "$0" --to "$work/store" --quiet
find "$tree" -type f -print0 | xargs -0 cat >/dev/null
: >"$results"
for ((run = 0; run < runs; run++)); do
    if ((run % 2 == 0)); then run_mover; run_restic; else run_restic; run_mover; fi
done

awk -F'\t' '
    { key = $1 SUBSEP $2; n[key]++; seconds[key] += $3; stored[key] = $5
      if (!(key in best) || $3 < best[key]) best[key] = $3
      if ($4 > peak[key]) peak[key] = $4 }
    END {
        printf "%-8s %-8s %10s %10s %10s %16s\n", "tool", "step", "mean s", "best s", "peak MiB", "stored bytes"
        split("init archive second restore", steps, " ")
        split("mover restic", tools, " ")
        for (s = 1; s <= 4; s++) for (t = 1; t <= 2; t++) {
            key = tools[t] SUBSEP steps[s]
            printf "%-8s %-8s %10.2f %10.2f %10.0f %16d\n", tools[t], steps[s],
                seconds[key] / n[key], best[key], peak[key] / 1024, stored[key]
        }
        print ""
        for (s = 2; s <= 4; s++) {
            m = "mover" SUBSEP steps[s]; r = "restic" SUBSEP steps[s]
            printf "%s: mover takes %.2f times as long as restic (mean), and stores %.3f times as much\n",
                steps[s], (seconds[m] / n[m]) / (seconds[r] / n[r]), stored[m] / stored[r]
        }
        a = "mover" SUBSEP "archive"; b = "mover" SUBSEP "second"
        printf "second archive: %.3f of the time of the first, %.3f %% more bytes\n",
            seconds[b] / seconds[a], 100 * (stored[b] - stored[a]) / stored[a]
    }' "$results"
rm -rf "$work/store" "$work/restored"
