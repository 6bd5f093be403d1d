#!/usr/bin/env bash
# Makes chat-digest_VERSION_ARCH.deb. Needs dpkg-deb, and dpkg-shlibdeps (package dpkg-dev) to find out what the
# program is linked against.
set -euo pipefail
source "$(dirname "$0")/stage.sh"

stage "$root"
install -D -m 644 "$packaging/chat-digest.service" "$root/usr/lib/systemd/system/chat-digest.service"
install -d -m 750 "$root/etc/chat-digest"
"$binary" config >"$root/etc/chat-digest/chat-digest.toml"
chmod 640 "$root/etc/chat-digest/chat-digest.toml"

# It looks for debian/control where it is run.
work=$(mktemp -d)
trap 'rm -rf "$root" "$work"' EXIT
mkdir "$work/debian"
printf 'Source: chat-digest\n\nPackage: chat-digest\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/chat-digest" 2>/dev/null)
libraries=${libraries#shlibs:Depends=}

arch=$(dpkg --print-architecture)
install -d "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<END
Package: chat-digest
Version: $version
Architecture: $arch
Maintainer: ${DEBFULLNAME:-chat-digest} <${DEBEMAIL:-root@localhost}>
Installed-Size: $(du -ks --exclude=DEBIAN "$root" | cut -f1)
Depends: ${libraries:+$libraries, }passwd, procps
Recommends: ca-certificates
Section: mail
Priority: optional
Description: digests of Microsoft Persistent Chat rooms by mail
 Puts the messages of Microsoft Persistent Chat rooms (Lync Server 2013, Skype
 for Business Server 2015) into their members' Outlook inboxes through EWS: at
 once, or collected into a digest.
END
echo /etc/chat-digest/chat-digest.toml >"$root/DEBIAN/conffiles"
install -m 755 "$packaging"/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
(cd "$root" && find etc usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

package=$out/chat-digest_${version}_$arch.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
