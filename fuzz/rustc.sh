#!/usr/bin/env bash
# Stands before rustc while targets are built: instruments what is fuzzed and what parses for it,
# and leaves out what would only take time (a compiler, a database, TLS, an HTTP client).
set -euo pipefail
rustc=$1
shift

name=
for (( at = 1; at < $#; at++ )); do
    [ "${!at}" = --crate-name ] && next=$(( at + 1 )) && name=${!next} && break
done
case $name in
    format | mover | fuzz | protocol | policy | manifest | tape | iscsi | restore | volume) ;;
    toml | toml_parser | toml_datetime | serde | serde_core | serde_json | postcard | wasmparser | globset) ;;
    *)
        kept=()
        for argument in "$@"; do
            case $argument in
                -Cpasses=sancov-module | -Cllvm-args=-sanitizer-coverage-* | -Cllvm-args=-simplifycfg-*) ;;
                *) kept+=("$argument") ;;
            esac
        done
        set -- "${kept[@]}"
        ;;
esac
exec "$rustc" "$@"
