#!/usr/bin/env bash
# From `mover plugin new` to an archive that was made and restored with the new component, in each
# language, with nothing from before: prints the transcript, and how long it took, with what only
# downloads told apart.
#
#   tests/ten_minutes.sh MOVER [rust|c|js|python...]
#
# Needs Rust for rust, clang and lld for c, Node.js for js, python3 with venv for python.
set -euo pipefail
mover=$(realpath "$1")
shift
languages=("$@")
[ "${#languages[@]}" -gt 0 ] || languages=(rust c js python)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/photos"
ln -s "$mover" "$work/bin/mover"
head -c 300000 /dev/zero > "$work/photos/black"
head -c 300000 /dev/urandom > "$work/photos/noise"
echo 'nothing to see, but one SECRET' > "$work/photos/note"

# A machine that has the tools of a language, and none of its packages.
export PATH="$work/bin:$PATH" XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"
export CARGO_HOME="$work/cargo" npm_config_cache="$work/npm" PIP_CACHE_DIR="$work/pip"

seconds=0 downloads=0
now() { date +%s.%N; }
# Runs a command of the author's, and counts its time to $1, which is `seconds` or `downloads`.
step() {
    local of=$1 begun
    shift
    printf '\n$ %s\n' "$*"
    begun=$(now)
    "$@" 2>&1
    printf -v "$of" '%s' "$(awk "BEGIN { print ${!of} + $(now) - $begun }")"
}

# What an author of the language does to get its packages, to test, and to archive.
rust() { download=(cargo fetch --quiet) test=(cargo test --quiet) role=transform; }
c() { download=() test=(sh -c 'cc tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test') role=transform; }
js() { download=(npm install --no-audit --no-fund --loglevel=error) test=(node --test) role=snoop; }
python() { download=(python3 -m pip download --quiet --disable-pip-version-check --dest "$work/wheels" --requirement requirements.txt) test=(python3 -m unittest discover tests) role=snoop; }
transform_options() { options=(--stage "my-plugin.wasm={\"shortest\":32}" --stage zstd); }
snoop_options() { options=(--snoop 'my-plugin.wasm={"word":"SECRET","action":"tag"}'); }

rows=()
for language in "${languages[@]}"; do
    printf '\n=== %s\n' "$language"
    "$language"
    "${role}_options"
    seconds=0 downloads=0
    mkdir "$work/$language"
    cd "$work/$language"
    step seconds mover plugin new my-plugin --role "$role" --lang "$language"
    cd my-plugin
    [ "${#download[@]}" -eq 0 ] || step downloads "${download[@]}"
    step seconds "${test[@]}"
    step seconds mover plugin build -o my-plugin.wasm
    step seconds mover plugin check my-plugin.wasm
    step seconds mover plugin test my-plugin.wasm
    step seconds mover plugin bench my-plugin.wasm
    step seconds mover init "$work/$language/store" --no-encryption
    step seconds mover archive "$work/photos" --to "$work/$language/store" --name photos "${options[@]}"
    step seconds mover restore "$work/$language/store" latest --into "$work/$language/back"
    step seconds diff -r "$work/photos" "$work/$language/back"
    rows+=("$(printf '%-8s %-10s %12.1f %14.1f' "$language" "$role" "$seconds" "$downloads")")
done
printf '\n%-8s %-10s %12s %14s\n' language role 'seconds' 'and downloads'
printf '%s\n' "${rows[@]}"
