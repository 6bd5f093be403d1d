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

work=$(mktemp -d)
lanes=()
end() {
  [ ${#lanes[@]} -eq 0 ] || kill "${lanes[@]%%:*}" 2>/dev/null || true
  tests/postgres.sh stop "$work/server"
  rm -rf "$work"
}
trap end EXIT
# Runs a command beside what follows: name, command. What it prints is shown by `join`.
beside() {
  local name=$1
  shift
  "$@" >"$work/$name" 2>&1 &
  lanes+=("$!:$name")
}
join() {
  local lane failed=0
  for lane in "${lanes[@]}"; do
    wait "${lane%%:*}" || failed=1
    printf '\n-- %s (%d s)\n' "${lane#*:}" "$((SECONDS - begun))"
    cat "$work/${lane#*:}"
  done
  lanes=()
  return $failed
}

step "format"
cargo fmt --all --check
cargo fmt --manifest-path guest/Cargo.toml --all --check

# The guest is built for itself and beside all else: the end of a large crate leaves a core idle.
guest() {
  cargo test --manifest-path guest/Cargo.toml --target-dir "$target/guest" --locked --quiet &&
    cargo test --manifest-path guest/Cargo.toml --target-dir "$target/guest" --locked --quiet \
      -p headline -p mentions-only -p on-call &&
    GUEST_TOOL_DIR=$target/guest guest/build.sh --check
}
beside "guest: its own tests, and the prebuilt component against its sources" guest

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

if command -v systemd-analyze >/dev/null; then
  step "the unit's rights"
  systemd-analyze security --offline=true --threshold=15 --no-pager host/packaging/chat-digest.service >/dev/null
fi

if command -v promtool >/dev/null; then
  step "the alert rules"
  promtool check rules host/packaging/alerts.yml >/dev/null
fi

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

step "tests, with foreign peers"
chmod 755 "$work"
CHAT_DIGEST_TEST_POSTGRES=$(tests/postgres.sh start "$work/server")
export CHAT_DIGEST_TEST_POSTGRES

cargo test --workspace --locked --quiet --no-run
join
# These wait for processes and due times more than they work, so others run beside them. On PostgreSQL, what only
# a file can suffer is left out, and what was on a server before.
waiting=(crash several_hosts faults outages pipeline)
wait_much() {
  cargo test --workspace --locked --quiet "${waiting[@]/#/--test=}" -- --include-ignored &&
    export CHAT_DIGEST_TEST_ENGINE=postgres &&
    cargo test --workspace --lib --locked --quiet database::tests -- --skip ::file:: --skip ::shared:: &&
    cargo test --workspace --locked --quiet --test pipeline --test digests -- --include-ignored
}
beside "what waits, and the same on PostgreSQL" wait_much
# One core is busy with these for minutes.
beside histories cargo test --workspace --locked --quiet --lib database::histories -- --include-ignored
others=()
for file in tests/tests/*.rs host/*/tests/*.rs; do
  name=$(basename "$file" .rs)
  [[ " ${waiting[*]} " == *" $name "* ]] || others+=("--test=$name")
done
# Left out: a measurement, what guest/prove-builds.sh and guest/examples/build.sh run by themselves, and what
# wants a browser (host/packaging/README.md).
cargo test --workspace --locked --quiet --lib --bins "${others[@]}" --exclude fuzz -- \
  --include-ignored --skip database::histories --skip guest::tests::guest_figures --skip guest::tests::other_builds_run \
  --skip authoring::same --skip in_a_browser
cargo test --workspace --locked --quiet --doc

step "fuzzing, with the same inputs every time"
tests/fuzz/run.sh
join

step "done"
