#!/usr/bin/env bash
# Makes stores with Mover, and has the independent reader list, extract and check them.
#
#   tests/reader/against_mover.sh MOVER VENV
#
# VENV is a folder for Python's packages; it is made if it is not there.
set -euo pipefail
mover=${1:?usage: against_mover.sh MOVER VENV}
venv=${2:?usage: against_mover.sh MOVER VENV}
here=$(cd "$(dirname "$0")" && pwd)

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state MOVER_PASSPHRASE='a passphrase for a test'

tree=$work/expected
mkdir -p "$tree/folder/empty"
head -c 3000000 /dev/urandom >"$tree/folder/noise"
seq 1 200000 >"$tree/folder/text"
cp "$tree/folder/text" "$tree/copy"
ln "$tree/copy" "$tree/another name"
ln -s folder/text "$tree/link"
truncate -s 1M "$tree/sparse"
printf 'end' >>"$tree/sparse"
mkfifo "$tree/pipe"
chmod 640 "$tree/folder/text"
touch -d '2001-02-03 04:05:06.123456789' "$tree/folder/noise"

"$mover" --quiet init --no-encryption "$work/plain"
"$mover" --quiet init "$work/sealed"
for store in plain sealed; do
    for framing in each run both; do
        "$mover" --quiet archive "$tree" --to "$work/$store" --name "$framing" --framing "$framing" \
            --reread --chunk-size 256K --volume-size 8M
    done
    "$mover" --quiet archive "$tree" --to "$work/$store" --name unchanged
done
"$mover" key export "$work/sealed" >"$work/identity"

PLAIN=$work/plain SEALED=$work/sealed IDENTITY=$work/identity EXPECTED=$tree \
    SPEC=$here/../../format/SPEC.md "$venv/bin/python" "$here/test_reader.py"
