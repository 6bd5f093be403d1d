#!/usr/bin/env bash
# Installs a package in a clean Debian root, checks and runs the service there as its user against embedded servers,
# upgrades, and purges it. Needs root, debootstrap, python3, and a mirror.
#   test-deb.sh PACKAGE [SUITE]      BASE=FOLDER takes a root that debootstrap has made before
set -euo pipefail
package=$(readlink -f "$1")
suite=${2:-bookworm}
root=$(mktemp -d)
servers= host=
finish() {
  [ -z "$host" ] || kill "$host" 2>/dev/null || true
  [ -z "$servers" ] || kill "$servers" 2>/dev/null || true
  rm -rf "$root"
}
trap finish EXIT

say() { printf '== %s\n' "$*"; }
within() { chroot "$root" "$@"; }
as_service() { chroot --userspec=chat-digest:chat-digest "$root" "$@"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
# Waits until a file holds some words.
holds() {
  for _ in $(seq 600); do
    grep -q "$2" "$1" 2>/dev/null && return
    sleep 0.1
  done
  cat "$1" >&2
  fail "$1 does not say: $2"
}

say "a clean root: $suite"
if [ -n "${BASE:-}" ]; then
  cp -a "$BASE/." "$root/"
else
  debootstrap --variant=minbase "$suite" "$root" >/dev/null
fi
# This machine's way to the mirror may be its own.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -rL /etc/apt/apt.conf.d "$root/etc/apt/"
cp "$package" "$root/tmp/chat-digest.deb"

say "install"
within apt-get update -qq
within env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /tmp/chat-digest.deb
[ "$(within stat -c '%a %U %G' /var/lib/chat-digest)" = "700 chat-digest chat-digest" ] || fail "mode of /var/lib/chat-digest"
[ "$(within stat -c '%a %U %G' /etc/chat-digest)" = "750 root chat-digest" ] || fail "mode of /etc/chat-digest"
[ "$(within stat -c '%a %U %G' /etc/chat-digest/chat-digest.toml)" = "640 root chat-digest" ] || fail "mode of the configuration"
[ -e "$root/usr/lib/systemd/system/chat-digest.service" ] || fail "no unit"
[ "$(within dpkg --audit)" = "" ] || fail "dpkg --audit"

say "embedded servers, in the root"
chroot "$root" chat-digest embedded --json >"$root/embedded.json" 2>"$root/embedded.log" &
servers=$!
holds "$root/embedded.json" sip_tls
cat >"$root/write.py" <<'END'
import json, sys
at = json.loads(open(sys.argv[1]).readline())
me = at["users"][0]
q = json.dumps
print(f"""include = ["conf.d/*.toml"]
[chat]
address = {q(me["sip"])}
login = {q(me["login"])}
password = {{ file = "/etc/chat-digest/password" }}
server = {q(at["sip_tls"])}
ca_file = "/etc/chat-digest/ca.pem"
[chat.assumed]
members_command = true
associations_command = true
[mail]
url = {q(at["ews"])}
login = {q(me["login"])}
password = {{ credential = "mail.password" }}
mailbox = {q(me["mailbox"])}
ca_file = "/etc/chat-digest/ca.pem"
[store]
directory = "/var/lib/chat-digest" """)
END
python3 "$root/write.py" "$root/embedded.json" >"$root/etc/chat-digest/chat-digest.toml"
value() { python3 -c "import json; print(json.loads(open('$root/embedded.json').readline())$1)"; }
value '["users"][0]["password"]' >"$root/etc/chat-digest/password"
cp "$root$(value '["ca_file"]')" "$root/etc/chat-digest/ca.pem"
mkdir -p "$root/etc/chat-digest/conf.d" "$root/run/credentials"
echo '[digest]
schedule = "every 15m"' >"$root/etc/chat-digest/conf.d/digest.toml"
cp "$root/etc/chat-digest/password" "$root/run/credentials/mail.password"
within chgrp -R chat-digest /etc/chat-digest /run/credentials
chmod -R u=rwX,g=rX,o= "$root/etc/chat-digest"

say "check, as the service"
config=/etc/chat-digest/chat-digest.toml
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
