#!/bin/bash
# Builds the shipped guest, the examples in Rust and the guests of the tests as components without any
# WASI import.
#
#   guest/build.sh           builds them into guest/prebuilt and tests/guests/prebuilt; what is too
#                            large to be kept there, into guest/target/examples
#   guest/build.sh --check   fails if what is there is stale; if the compiler that built it is at
#                            hand, builds it again and wants the same bytes
#
# What makes a component of a module is built in $GUEST_TOOL_DIR, if that is set.
#
# Needs `rustup target add wasm32-unknown-unknown`, or Debian's rustc-web and rust-web-src beside
# rustup's toolchain.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=wasm32-unknown-unknown
# The version of the contract that all of them are built against.
contract=wit/0.3.0
# Nothing from outside decides over the bytes.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER ${!CARGO_PROFILE_@} ${!CARGO_BUILD_@}
die() { echo "guest/build.sh: $*" >&2; exit 1; }
sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# What a crate is built from: the contract, its sources (`cargo component` leaves a bindings.rs that
# is not among them), its manifest and its lock file; for an example, those of the shipped guest too.
sources() { # folder
  local parts=("$1/src" "$1/Cargo.toml")
  [[ $1 != guest/examples/* ]] || parts+=(guest/src guest/Cargo.toml guest/Cargo.lock)
  [[ ! -f $root/$1/Cargo.lock ]] || parts+=("$1/Cargo.lock")
  (cd "$root" && find "$contract" "${parts[@]}" -type f ! -name '*.md' ! -name bindings.rs |
    LC_ALL=C sort | while read -r file; do sha256 "$file"; done | sha256 | cut -d' ' -f1)
}

# Sets `compiler` (what decides over the bytes, in one line), `rustc`, `linker` and `build_std`.
find_compiler() {
  local sysroot rust_src
  sysroot=$(rustc --print sysroot 2>/dev/null) || die "no rustc found: install rustup's stable toolchain"
  linker=$(find "$sysroot/lib" -name rust-lld -type f | head -n 1)
  rustc=rustc build_std=()
  if [[ ! -d $sysroot/lib/rustlib/$target ]]; then
    rustc=/usr/bin/rustc
    rust_src=$([[ -x $rustc ]] && echo "$($rustc --print sysroot)/lib/rustlib/src/rust") || rust_src=/nowhere
    [[ -d $rust_src/library ]] || return 1
    build_std=(-Zbuild-std=std,panic_abort)
  fi
  [[ -n $linker ]] || return 1
  compiler="$($rustc --version); $("$linker" -flavor wasm --version); ${build_std[*]:-std as shipped}"
}

# Builds a crate's core module with nothing in it that depends on this machine.
module() { # folder library-name out
  local home=${CARGO_HOME:-$HOME/.cargo} dir=$build/wasm flags
  flags="--remap-path-prefix=$root=/chat-digest --remap-path-prefix=$home=/cargo"
  flags+=" --remap-path-prefix=$(realpath "$($rustc --print sysroot)/lib/rustlib/src/rust" 2>/dev/null || echo /rust)=/rust"
  [[ ${#build_std[@]} -eq 0 ]] || export RUSTC_BOOTSTRAP=1
  (cd "$root/$1" && RUSTC="$(command -v "$rustc")" RUSTFLAGS="$flags" \
    CARGO_TARGET_DIR="$dir" CARGO_INCREMENTAL=0 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$linker" \
    cargo build --quiet --locked --release --lib --target $target "${build_std[@]}")
  tool component "$dir/$target/release/$2.wasm" "$3"
}

tool() {
  (cd "$root/guest" && env -u RUSTC_BOOTSTRAP CARGO_TARGET_DIR="${GUEST_TOOL_DIR:-$build/tool}" \
    cargo run --quiet --locked --package guest-tool -- "$@")
}

# Every component: its folder, its library's name, its file.
guests() {
  echo guest chat_digest_guest guest/prebuilt/chat-digest-guest.wasm
  echo guest/examples/headline headline guest/prebuilt/headline.wasm
  for name in mentions-only on-call; do
    echo guest/examples/$name ${name//-/_} guest/target/examples/$name.wasm
  done
  for name in trap spin; do
    echo tests/guests/$name guest_$name tests/guests/prebuilt/$name.wasm
  done
}

# Whether a component stands in the repository.
is_kept() { [[ $1 == */prebuilt/* ]]; } # file

record() { # folder file: what stands in SOURCES
  local name; name=$(basename "$2")
  echo "$name sources $(sources "$1")"
  echo "$name compiler $compiler"
  echo "$name component $(sha256 <"$root/$2" | cut -d' ' -f1)"
}

build() {
  find_compiler || die "no compiler for $target: run \`rustup target add $target\`," \
    "or on Debian \`apt-get install rustc-web rust-web-src\`"
  rm -f "$root"/{guest,tests/guests}/prebuilt/SOURCES
  while read -r folder library file; do
    mkdir -p "$(dirname "$root/$file")"
    module "$folder" "$library" "$root/$file"
    ! is_kept "$file" || record "$folder" "$file" >>"$(dirname "$root/$file")/SOURCES"
    echo "$file: $(wc -c <"$root/$file") bytes"
  done < <(guests)
}

check() {
  local again noted name
  find_compiler || compiler=none
  while read -r folder library file; do
    if ! is_kept "$file"; then
      [[ $compiler == none ]] || { module "$folder" "$library" "$build/again.wasm" && echo "$file: builds"; }
      continue
    fi
    name=$(basename "$file") noted=$(dirname "$root/$file")/SOURCES
    [[ -f $root/$file && -f $noted ]] || die "$file is missing: run guest/build.sh"
    grep -qxF "$name sources $(sources "$folder")" "$noted" || die "$file is stale: run guest/build.sh"
    grep -qxF "$name component $(sha256 <"$root/$file" | cut -d' ' -f1)" "$noted" ||
      die "$file is not what was built: run guest/build.sh"
    if ! grep -qxF "$name compiler $compiler" "$noted"; then
      echo "$file: up to date (not rebuilt: $(sed -n "s/^$name compiler //p" "$noted") is not at hand)"
      continue
    fi
    again=$build/again.wasm
    module "$folder" "$library" "$again"
    cmp "$root/$file" "$again" || die "$file: the same compiler gave other bytes"
    echo "$file: up to date, and a rebuild gave the same bytes"
  done < <(guests)
}

case ${1:-} in
  '') build=${GUEST_BUILD_DIR:-$root/guest/target/build}; build ;;
  --check) build=$(mktemp -d); trap 'rm -rf "$build"' EXIT; check ;;
  *) die "usage: guest/build.sh [--check]" ;;
esac
