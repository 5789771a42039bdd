#!/usr/bin/env bash
# Makes a project of each role's template in Python, as `mover plugin new` does, and runs its tests;
# with a mover, `check-python.sh MOVER`, it builds and examines the components, too.
# The examples in Python have the kit of the templates, and pass the same.
set -euo pipefail
cd "$(dirname "$0")/.."
mover="${1:+$(realpath "$1")}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

examine() {
    echo "== $1"
    cd "$work/$1"
    python3 -m unittest discover --quiet tests
    if [ -n "$mover" ]; then
        "$mover" plugin build -o component.wasm
        "$mover" plugin test component.wasm --cases 16
    fi
    cd - >/dev/null
}

for role in transform snoop dedupe filter; do
    project="$work/my-$role"
    mkdir "$project"
    cp -R templates/python/common/. templates/python/"$role"/. "$project"
    while IFS= read -r -d '' file; do
        sed -i -e "s/{{name}}/my-$role/g" "$file"
        if [ "$file" != "${file%.in}" ]; then mv "$file" "${file%.in}"; fi
    done < <(find "$project" -type f -print0)
    examine "my-$role"
done
# Without what a build made there.
for example in examples/*-py; do
    mkdir "$work/${example#examples/}"
    tar -C "$example" --exclude target --exclude '*.wasm' -cf - . | tar -C "$work/${example#examples/}" -xf -
    role=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["role"])' "$example/manifest.json")
    diff -r "$work/my-$role/kit" "$work/${example#examples/}/kit"
    examine "${example#examples/}"
done
