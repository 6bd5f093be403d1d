#!/usr/bin/env bash
# Installs what the tests need, then runs all of them. On Debian and Ubuntu it installs packages by
# itself (as root, or through sudo); elsewhere it says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never} CARGO_INCREMENTAL=0
# The tests take the system's OpenSSL; only the default build compiles its own.
export OPENSSL_NO_VENDOR=1
target=${CARGO_TARGET_DIR:-$PWD/target}
begun=$SECONDS

step() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - begun))"; }

step "what the tests need"
# OpenSSL, the compiler for wasm32, SIPE and libpurple, xmllint, Samba's NTLM, Python, PostgreSQL.
packages=(build-essential pkg-config libssl-dev python3 python3-venv
  libpurple-dev pidgin-sipe libxml2-dev libxml2-utils samba winbind)
if ! rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null | xargs -r ls >/dev/null 2>&1; then
  packages+=(rustc-web rust-web-src)
fi
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
if command -v dpkg-query >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
  fi
else
  echo "not Debian: these must be there: ${packages[*]}"
fi
peers=$target/peers
[ -x "$peers/bin/python" ] || python3 -m venv "$peers"
"$peers/bin/pip" install -q --disable-pip-version-check exchangelib==5.6.0 pyspnego==0.12.4
export PATH="$peers/bin:$PATH"

step "format"
cargo fmt --all --check
cargo fmt --manifest-path guest/Cargo.toml --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

step "guest: its own tests, and the prebuilt component against its sources"
cargo test --manifest-path guest/Cargo.toml --target-dir "$target/guest" --locked --quiet
cargo test --manifest-path guest/Cargo.toml --target-dir "$target/guest" --locked --quiet \
  -p headline -p mentions-only -p on-call
guest/build.sh --check

step "tests, with foreign peers"
postgres=$(mktemp -d)
trap 'tests/postgres.sh stop "$postgres/server"; rm -rf "$postgres"' EXIT
chmod 755 "$postgres"
CHAT_DIGEST_TEST_POSTGRES=$(tests/postgres.sh start "$postgres/server")
export CHAT_DIGEST_TEST_POSTGRES
# Left out: a measurement, and what guest/prove-builds.sh and guest/examples/build.sh run by themselves.
cargo test --workspace --locked --quiet -- --include-ignored \
  --skip guest::tests::guest_figures --skip guest::tests::other_builds_run --skip authoring::same

step "the same on PostgreSQL"
# Left out: what only a file can suffer, and what was on a server before.
export CHAT_DIGEST_TEST_ENGINE=postgres
cargo test --package host --lib --locked --quiet database::tests -- --skip ::file:: --skip ::shared::
cargo test --package tests --locked --quiet --test pipeline --test digests --test crash -- --include-ignored
unset CHAT_DIGEST_TEST_ENGINE

step "fuzzing, with the same inputs every time"
CARGO_TARGET_DIR=$target/fuzz tests/fuzz/run.sh

step "done"
