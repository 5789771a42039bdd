#!/usr/bin/env bash
# Makes a project in C of each role's template, as `mover plugin new` does, and tests it and the
# example on this machine; as components, too, where there is a mover: `check.sh [MOVER]`.
set -euo pipefail
mover=${1:+$(realpath "$1")}
cd "$(dirname "$0")"
templates=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"
strict=(cc -std=c17 -Wall -Wextra -Werror -g -fsanitize=address,undefined)

# Other than the defaults, so that a snoop finds something in what it is tried with.
declare -A configs=(
    [transform]='{"shortest":16}'
    [filter]='{"distance":3}'
    [snoop]='{"word":"e","action":"hold"}'
    [dedupe]='{"page":1000}'
)

echo "== kit"
"${strict[@]}" tests/kit.c -o "$work/kit-test"
"$work/kit-test"

# check FOLDER NAME CONFIG...
check() {
    cd "$1"
    "${strict[@]}" tests/plugin.c src/plugin.c -o plugin-test
    ./plugin-test
    [ -n "$mover" ] || return 0
    "$mover" plugin build -o "$2.wasm"
    for config in "${@:3}"; do
        "$mover" plugin test "$2.wasm" --cases 16 --config "$config"
    done
}

for role in transform filter snoop dedupe; do
    echo "== $role"
    project="$work/my-$role"
    mkdir "$project"
    cp -R "$templates/common/." "$templates/$role/." "$project"
    while IFS= read -r -d '' file; do
        if grep -Iq . "$file"; then sed -i "s/{{name}}/my-$role/g" "$file"; fi
        if [ "$file" != "${file%.in}" ]; then mv "$file" "${file%.in}"; fi
    done < <(find "$project" -type f -print0)
    (check "$project" "my-$role" "${configs[$role]}")
done

echo "== shuffle-c"
example="$templates/../../examples/shuffle-c"
diff -r "$work/my-transform/kit" "$example/kit"
cp -R "$example" "$work/shuffle-c"
(check "$work/shuffle-c" shuffle '{"width":2}' '{"width":4}' '{"width":8}' '{"width":16}')
