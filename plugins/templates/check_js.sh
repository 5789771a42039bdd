#!/usr/bin/env bash
# Makes a project of each role's template in JavaScript, as `mover plugin new --lang js` does, and
# tests it in Node.js; with `check_js.sh MOVER` the component, too, which npm downloads tools for.
# The example in JavaScript is tested as well, and has to have the kit of the templates.
set -euo pipefail
mover="${1:+$(realpath "$1")}"
cd "$(dirname "$0")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
check() {
    echo "== $1"
    (cd "$work/$1" && node --test)
    [ -n "$mover" ] || return 0
    # What one project downloaded is right for all.
    [ ! -d "$work/node_modules" ] || cp -R "$work/node_modules" "$work/$1"
    (cd "$work/$1" && "$mover" plugin build -o "$1.wasm" && "$mover" plugin test "$1.wasm" --cases 16)
    [ -d "$work/node_modules" ] || cp -R "$work/$1/node_modules" "$work"
}
for role in snoop transform filter dedupe; do
    project="$work/my-$role"
    mkdir "$project"
    cp -R js/common/. js/"$role"/. "$project"
    while IFS= read -r -d '' file; do
        sed -i "s/{{name}}/my-$role/g" "$file"
        if [ "$file" != "${file%.in}" ]; then mv "$file" "${file%.in}"; fi
    done < <(find "$project" -type f -print0)
    check "my-$role"
done
diff -r "$work/my-snoop/kit" ../examples/email-addresses-js/kit
cp -R ../examples/email-addresses-js "$work"
check email-addresses-js
