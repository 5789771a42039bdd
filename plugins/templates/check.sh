#!/usr/bin/env bash
# Makes a project of each role's template, as `mover plugin new` does, and tests and builds it.
# What they build lies in target/templates; the projects lie outside of this checkout, whose
# rustfmt.toml and workspaces an author does not have.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="$PWD/target/templates"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for role in transform snoop dedupe filter; do
    project="$work/my-$role"
    mkdir -p "$project/vendor/mover-plugin"
    cp -R templates/rust/common/. templates/rust/"$role"/. "$project"
    cp -R sdk/Cargo.toml sdk/src sdk/derive sdk/shared "$project/vendor/mover-plugin"
    while IFS= read -r -d '' file; do
        sed -i -e "s/{{name}}/my-$role/g; s/{{type}}/My${role^}/g; s/{{crate}}/my_$role/g" "$file"
        if [ "$file" != "${file%.in}" ]; then mv "$file" "${file%.in}"; fi
    done < <(find "$project" -path "$project/vendor" -prune -o -type f -print0)
    echo "== $role"
    cd "$project"
    cargo fmt --check
    cargo clippy --quiet --all-targets -- -D warnings
    cargo test --quiet
    cargo build --quiet --release --target wasm32-unknown-unknown
    cd - >/dev/null
done
