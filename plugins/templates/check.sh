#!/usr/bin/env bash
# Makes a project of each language and role, tests it as its author would, builds it, and examines
# the component; then the examples that are not in Rust in the same way, each laid over a new
# project: `check.sh MOVER [rust|c|js|python...]`.
set -euo pipefail
mover=$(realpath "$1")
shift
languages=("$@")
[ "${#languages[@]}" -gt 0 ] || languages=(rust c js python)
cd "$(dirname "$0")"
templates=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"
# The SDK is compiled once for all projects, and again only when it changes.
export CARGO_TARGET_DIR="$templates/../target/templates" PYTHONDONTWRITEBYTECODE=1

# Other than the defaults, so that a snoop finds something in what it is tried with.
declare -A configs=(
    [transform]='{"shortest":20}'
    [filter]='{"distance":3}'
    [snoop]='{"word":"e","action":"hold"}'
    [dedupe]='{"page":1024}'
)
declare -A examples=([c]=shuffle-c [js]=email-addresses-js [python]=secrets-py)

strict=(cc -std=c17 -Wall -Wextra -Werror -g -fsanitize=address,undefined)

test_rust() { cargo fmt --check && cargo clippy --quiet --all-targets -- -D warnings && cargo test --quiet; }
test_c() { "${strict[@]}" tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test; }
test_js() { node --test; }
test_python() { python3 -m unittest discover --quiet tests; }

# check LANGUAGE FOLDER CONFIG...
check() {
    echo "== $1 $2"
    cd "$work/$2"
    "test_$1" > test.log 2>&1 || { cat test.log; return 1; }
    # What npm brought for one project is right for all.
    [ "$1" != js ] || [ ! -d "$work/node_modules" ] || cp -R "$work/node_modules" .
    "$mover" plugin build -o component.wasm
    [ "$1" != js ] || [ -d "$work/node_modules" ] || cp -R node_modules "$work"
    for config in "${@:3}"; do
        "$mover" plugin test component.wasm --cases 16 --config "$config"
    done
}

for language in "${languages[@]}"; do
    [ "$language" != c ] || { "${strict[@]}" c/tests/kit.c -o "$work/kit-test" && "$work/kit-test"; }
    for role in transform filter snoop dedupe; do
        project="my-$language-$role"
        "$mover" plugin new "$project" --role "$role" --lang "$language" --into "$work/$project" > "$work/log"
        (check "$language" "$project" "${configs[$role]}")
    done
    example=${examples[$language]:-}
    [ -n "$example" ] || continue
    says() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "../examples/$example/manifest.json" "$1"; }
    "$mover" plugin new "$(says name)" --role "$(says role)" --lang "$language" --into "$work/$example" > "$work/log"
    cp -R "../examples/$example/." "$work/$example"
    (check "$language" "$example" '{}')
done
