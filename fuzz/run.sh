#!/usr/bin/env bash
# Builds the fuzz targets and runs each for so many seconds: `fuzz/run.sh SECONDS [TARGET...]`.
# Prints a line for each, and ends with 1 and the path of the input where something was found.
# `fuzz/run.sh --seeds [TARGET...]` writes the seeds of the corpus anew. From any folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."

usage() { sed -n '2,4s/^# //p' "$here/run.sh" >&2; exit 2; }
[ $# -gt 0 ] || usage
form=$1
shift
[ "$form" = --seeds ] || [[ $form =~ ^[1-9][0-9]*$ ]] || usage
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(format protocol policy manifest tape iscsi restore volume)

work="$PWD/target/fuzz"
mkdir -p "$work"
tools="$PWD/target/tools"
export PATH="$tools/bin:$PATH"
if ! cargo fuzz --version 2>/dev/null | grep -q ' 0\.13\.2$'; then
    cargo install --quiet --locked --root "$tools" cargo-fuzz@0.13.2
fi

# What targets write goes into memory where that is possible, and is gone afterwards. Others may
# look into it, since a target becomes a mere user for a while.
scratch=$(mktemp -d -p /dev/shm mover-fuzz.XXXXXX 2>/dev/null || mktemp -d)
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT

# The first target needs little of what the others do, and is built without it.
build() {
    local needs=()
    [ "$1" = format ] && needs=(--no-default-features)
    RUSTC_WRAPPER="$here/rustc.sh" cargo fuzz build --fuzz-dir "$here" --target-dir "$work/build" \
        --sanitizer none --strip-dead-code=true "${needs[@]}" "$1" >"$work/$1.build.log" 2>&1 ||
        { cat "$work/$1.build.log" >&2; exit 2; }
}

cargo fetch --quiet --locked --manifest-path "$here/Cargo.toml"
triple=$(rustc -vV | sed -n 's/^host: //p')
# Longer ones are slower, and say nothing new. A component is longer than what else is read.
declare -A longest=([manifest]=32768 [volume]=8192)
found=0
for target in "${targets[@]}"; do
    begun=$(date +%s)
    build "$target"
    built=$(($(date +%s) - begun))
    binary="$work/build/$triple/release/$target"
    mkdir -p "$work/corpus/$target" "$work/artifacts/$target" "$here/corpus/$target"
    if [ "$form" = --seeds ]; then
        MOVER_FUZZ_SEEDS="$here/corpus/$target" "$binary" 2>"$work/$target.log"
        continue
    fi
    options=(-max_total_time="$form" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
        -max_len="${longest[$target]:-4096}" -artifact_prefix="$work/artifacts/$target/")
    [ -f "$here/dictionaries/$target.dict" ] && options+=(-dict="$here/dictionaries/$target.dict")
    log="$work/$target.log"
    ended=0
    # New inputs go into the first folder; the second is only read.
    TMPDIR="$scratch" "$binary" "${options[@]}" "$work/corpus/$target" "$here/corpus/$target" \
        >"$log" 2>&1 || ended=$?
    statistic() { sed -n "s/^stat::$1: *//p" "$log"; }
    coverage=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1 || true)
    printf '%-9s %9s executions, %6s a second, %s, built in %s s\n' "$target" \
        "$(statistic number_of_executed_units)" "$(statistic average_exec_per_sec)" \
        "${coverage:-no coverage}" "$built"
    if [ "$ended" -ne 0 ]; then
        found=1
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        grep -m 3 -A 3 -e "panicked at" -e "^==.*ERROR" "$log" || tail -20 "$log"
        echo "$target: found ${input:-something that left no input: see $log}"
    fi
done
exit "$found"
