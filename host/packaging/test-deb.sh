#!/usr/bin/env bash
# Installs a package in a clean Debian root, checks and runs the service there as its user against embedded servers,
# upgrades, and purges it. Needs root, debootstrap, python3, and a mirror.
#   test-deb.sh PACKAGE [SUITE]      BASE=FOLDER takes a root that debootstrap has made before
set -euo pipefail
package=$(readlink -f "$1")
suite=${2:-bookworm}
. "$(dirname "$(readlink -f "$0")")/root.sh"
host=
finish() {
  [ -z "$host" ] || kill "$host" 2>/dev/null || true
  stop_servers
  rm -rf "$root"
}
trap finish EXIT
as_service() { chroot --userspec=chat-digest:chat-digest "$root" "$@"; }

clean_root ""
install_package
[ "$(within stat -c '%a %U %G' /var/lib/chat-digest)" = "700 chat-digest chat-digest" ] || fail "mode of /var/lib/chat-digest"
[ "$(within stat -c '%a %U %G' /etc/chat-digest)" = "750 root chat-digest" ] || fail "mode of /etc/chat-digest"
[ "$(within stat -c '%a %U %G' /etc/chat-digest/chat-digest.toml)" = "640 root chat-digest" ] || fail "mode of the configuration"
[ -e "$root/usr/lib/systemd/system/chat-digest.service" ] || fail "no unit"
[ "$(within dpkg --audit)" = "" ] || fail "dpkg --audit"

serve_and_configure '{ file = "/etc/chat-digest/password" }' '{ credential = "mail.password" }'
mkdir -p "$root/run/credentials"
cp "$root/etc/chat-digest/password" "$root/run/credentials/mail.password"
within chgrp -R chat-digest /run/credentials
chmod -R u=rwX,g=rX,o= "$root/run/credentials"

say "check, as the service"
as_service env CREDENTIALS_DIRECTORY=/run/credentials chat-digest check --config $config

say "run, as the service"
# Not by the function: the signals below are for the program itself.
chroot --userspec=chat-digest:chat-digest "$root" \
  env CREDENTIALS_DIRECTORY=/run/credentials chat-digest run --config $config 2>"$root/host.log" &
host=$!
holds "$root/host.log" "directory: "
holds "$root/host.log" "chat: joined"
as_service chat-digest status --config $config
as_service chat-digest rooms --config $config
echo 'mails_a_day = 9' >>"$root/etc/chat-digest/conf.d/digest.toml"
kill -HUP "$host"
holds "$root/host.log" "reload: taken over: digest.mails_a_day"
begun=$(date +%s)
kill -TERM "$host"
wait "$host" || fail "run ended with $?"
host=
echo "stopped within $(($(date +%s) - begun)) s"
if grep -qF "$(cat "$root/etc/chat-digest/password")" "$root/host.log"; then fail "a password in the log"; fi

say "the same version again, as an upgrade: the configuration stays"
before=$(md5sum <"$root$config")
within env DEBIAN_FRONTEND=noninteractive dpkg -i --force-confold /tmp/chat-digest.deb >/dev/null
[ "$(md5sum <"$root$config")" = "$before" ] || fail "the configuration was changed"

say "remove, then purge"
within apt-get remove -y -qq chat-digest >/dev/null
[ -e "$root$config" ] && [ -e "$root/var/lib/chat-digest/chat-digest.sqlite" ] || fail "remove took too much"
within apt-get purge -y -qq chat-digest >/dev/null
for left in /etc/chat-digest /var/lib/chat-digest /usr/bin/chat-digest /usr/share/doc/chat-digest; do
  [ ! -e "$root$left" ] || fail "$left is left"
done
if within getent passwd chat-digest >/dev/null; then fail "the user is left"; fi
say "all is well"
