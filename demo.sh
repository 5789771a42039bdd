#!/usr/bin/env bash
# Builds Mover, archives real files with it, gets them back, and compares. Needs Rust 1.95 and a C
# compiler. Takes the files of one folder: the argument, or /usr/include, or this checkout.
set -euo pipefail
cd "$(dirname "$0")"
source_folder=${1:-/usr/include}
[ -d "$source_folder" ] || source_folder=$PWD/mover

cargo build --release --locked -p mover
mover=$PWD/target/release/mover
work=$(mktemp -d)
export MOVER_PASSPHRASE='only for this demonstration'

run() { printf '\n$ mover %s\n' "$*"; "$mover" "$@"; }

run init "$work/store"
run archive "$source_folder" --to "$work/store" --name demo
run archive "$source_folder" --to "$work/store" --name again
run list "$work/store"
printf '\n$ mover list %s again | head -5\n' "$work/store"
"$mover" list "$work/store" again | head -5
run restore "$work/store" latest --into "$work/restored"
diff -r --no-dereference "$source_folder" "$work/restored"
printf '\nEverything came back equal. The store is in %s\n' "$work/store"
printf 'and opens with the passphrase: %s\n' "$MOVER_PASSPHRASE"
