#!/usr/bin/env bash
# Runs every command of the book for plugin authors, each chapter in a folder of its own:
# `tests/book.sh MOVER [CHAPTER...]`.
set -euo pipefail
mover=$(realpath "$1")
shift
book=$(realpath "$(dirname "$0")/../docs/book/src")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An operator's folders that are nobody's.
mkdir "$work/bin"
ln -s "$mover" "$work/bin/mover"
export PATH="$work/bin:$PATH" XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"
# All chapters build into one folder, so that the SDK is compiled once.
export CARGO_TARGET_DIR="$work/target"

chapters=("$@")
[ "${#chapters[@]}" -gt 0 ] || mapfile -t chapters < <(cd "$book" && ls | sed -n 's/\.md$//p' | grep -v SUMMARY)
for chapter in "${chapters[@]}"; do
    mkdir "$work/$chapter"
    sed -n '/^```sh$/,/^```$/p' "$book/$chapter.md" | grep -v '^```' > "$work/$chapter.sh" || true
    [ -s "$work/$chapter.sh" ] || continue
    begun=$SECONDS
    if ! (cd "$work/$chapter" && bash -euo pipefail "$work/$chapter.sh") > "$work/$chapter.log" 2>&1; then
        cat "$work/$chapter.log"
        echo "the commands of docs/book/src/$chapter.md do not work" >&2
        exit 1
    fi
    echo "  $chapter: $((SECONDS - begun)) s"
done
