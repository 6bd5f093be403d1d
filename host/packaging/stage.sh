# What the package and the tarball have in common. Sourced, with `set -eu`.

packaging=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=
out=$PWD

usage() {
  echo "usage: $(basename "$0") [--binary FILE] [--out FOLDER]" >&2
  echo "  --binary FILE   the program, built before; left out, it is built with cargo build --release" >&2
  echo "  --out FOLDER    where the result goes; left out, here" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --binary) [ $# -ge 2 ] || usage; binary=$2; shift 2 ;;
    --out) [ $# -ge 2 ] || usage; out=$2; shift 2 ;;
    *) usage ;;
  esac
done

if [ -z "$binary" ]; then
  top=$packaging/../..
  (cd "$top" && cargo build --release --locked --package host --bin chat-digest)
  binary=${CARGO_TARGET_DIR:-$top/target}/release/chat-digest
fi
[ -x "$binary" ] || { echo "$binary is no program: give one with --binary" >&2; exit 1; }
binary=$(readlink -f "$binary")
mkdir -p "$out"
out=$(cd "$out" && pwd)
version=$("$binary" --version)
version=${version##* }
# The same sources give the same bytes.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$packaging" log -1 --format=%ct 2>/dev/null || echo 0)}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root"

# stage FOLDER: the program, its pages, completions and documents below FOLDER/usr.
stage() {
  local to=$1/usr
  install -d "$to/bin" "$to/share/man/man1" "$to/share/doc/chat-digest"
  install -m 755 "$binary" "$to/bin/chat-digest"
  strip --strip-unneeded "$to/bin/chat-digest" 2>/dev/null || true
  "$binary" man --folder "$to/share/man/man1"
  gzip -9n "$to"/share/man/man1/*.1
  install -d "$to/share/bash-completion/completions" "$to/share/zsh/vendor-completions" \
    "$to/share/fish/vendor_completions.d"
  "$binary" completions bash >"$to/share/bash-completion/completions/chat-digest"
  "$binary" completions zsh >"$to/share/zsh/vendor-completions/_chat-digest"
  "$binary" completions fish >"$to/share/fish/vendor_completions.d/chat-digest.fish"
  install -m 644 "$packaging/GUIDE.md" "$packaging/CONFIGURATION.md" "$to/share/doc/chat-digest/"
  "$binary" config --schema >"$to/share/doc/chat-digest/chat-digest.schema.json"
  cat "$packaging"/../../LICENSE-* >"$to/share/doc/chat-digest/copyright"
}
