#!/usr/bin/env bash
# Makes chat-digest-VERSION-MACHINE.tar.gz: the program, pages, completions, documents, the unit and an example.
set -euo pipefail
source "$(dirname "$0")/stage.sh"

name=chat-digest-$version-$(uname -m)
stage "$root"
mv "$root/usr" "$root/$name"
"$binary" config >"$root/$name/chat-digest.toml"
install -D -m 644 "$packaging/chat-digest.service" "$root/$name/lib/systemd/system/chat-digest.service"
install -D -m 644 "$packaging/chat-digest.plist" "$root/$name/share/doc/chat-digest/chat-digest.plist"
tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
  -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
echo "$out/$name.tar.gz"
