#!/bin/bash
# Proves that the shipped guest is also built by `cargo component build` and by plain
# `cargo build --target wasm32-wasip2`, and that the host runs what they make.
#
#   guest/prove-builds.sh [FOLDER]   leaves the components in FOLDER
#
# With rustup's targets wasm32-wasip1 and wasm32-wasip2 it uses those. Without them it makes do with
# Debian's rustc-web, rust-web-src and wasi-libc. Installs cargo-component if it is not there.
# CARGO_COMPONENT_BIN is the folder it is in, HOST_TARGET_DIR where the host's test is built.
set -euo pipefail
guest=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=${1:-$work/out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
die() { echo "guest/prove-builds.sh: $*" >&2; exit 1; }

sysroot=$(rustc --print sysroot)
component_bin=${CARGO_COMPONENT_BIN:-$(dirname "$(command -v cargo-component || echo /nowhere/x)")}
if [[ ! -x $component_bin/cargo-component ]]; then
  cargo install --quiet --locked --root "$guest/target/tools" cargo-component
  component_bin=$guest/target/tools/bin
fi
export CARGO_TARGET_DIR=$work/target
# On a copy, as cargo component writes into the sources.
mkdir -p "$work/guest"
cp -R "$guest"/{src,tool,examples,Cargo.toml,Cargo.lock} "$work/guest"
cp -R "$guest/../wit" "$work"

with_rustup() {
  cd "$work/guest"
  cargo build --quiet --locked --release --lib --target wasm32-wasip2
  PATH=$component_bin:$PATH cargo component build --release --lib --locked
}

# Run through rustup's proxies, cargo component adds targets to the toolchain by itself, so the
# proxies are kept out of PATH. It looks for the target in the sysroot whatever compiler is used:
# it is shown an empty one.
with_debian() {
  local lld src shim=$work/shim
  lld=$(find "$sysroot/lib" -name rust-lld -type f | head -n 1)
  src=$(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust
  [[ -n $lld && -d $src/library && -d /usr/lib/wasm32-wasi ]] ||
    die "run \`rustup target add wasm32-wasip1 wasm32-wasip2\`, or on Debian \`apt-get install rustc-web rust-web-src wasi-libc\`"
  mkdir -p "$shim/bin" "$shim/sysroot/lib/rustlib/wasm32-wasip1"
  cat >"$shim/bin/rustc" <<EOF
#!/bin/sh
[ "\$*" = "--print sysroot" ] && exec echo "$shim/sysroot"
exec /usr/bin/rustc "\$@"
EOF
  printf '#!/bin/sh\nexec "%s" -flavor wasm "$@"\n' "$lld" >"$shim/bin/wasm-ld"
  chmod +x "$shim"/bin/*
  # Alone: where it is installed, rustup's proxies often are too.
  ln -s "$component_bin/cargo-component" "$shim/bin/cargo-component"
  local wasi="-L native=/usr/lib/wasm32-wasi -C link-self-contained=no"
  local environment=(PATH="$shim/bin:/usr/bin:/bin" CARGO="$sysroot/bin/cargo"
    RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort
    CARGO_TARGET_WASM32_WASIP1_LINKER="$lld" CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="$wasi"
    CARGO_TARGET_WASM32_WASIP2_LINKER="$(dirname "$lld")/wasm-component-ld"
    CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS="$wasi")
  cd "$work/guest"
  env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc "${environment[@]}" \
    "$sysroot/bin/cargo" build --quiet --locked --release --lib --target wasm32-wasip2
  env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc "${environment[@]}" \
    "$shim/bin/cargo-component" component build --release --lib --locked
}

if [[ -d $sysroot/lib/rustlib/wasm32-wasip1 && -d $sysroot/lib/rustlib/wasm32-wasip2 ]]; then
  with_rustup
else
  with_debian
fi
cp "$CARGO_TARGET_DIR/wasm32-wasip1/release/chat_digest_guest.wasm" "$out/cargo-component.wasm"
cp "$CARGO_TARGET_DIR/wasm32-wasip2/release/chat_digest_guest.wasm" "$out/wasip2.wasm"
for built in cargo-component wasip2; do
  echo "$built: $(wc -c <"$out/$built.wasm") bytes"
done
unset CARGO_TARGET_DIR
[[ -z ${HOST_TARGET_DIR:-} ]] || export CARGO_TARGET_DIR=$HOST_TARGET_DIR
cd "$guest/.."
GUEST_BUILDS=$out cargo test --quiet --locked --package host --lib -- --exact --ignored guest::tests::other_builds_run
