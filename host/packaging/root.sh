# What the tests of the package share: a clean Debian root with the package in it, embedded servers, and a
# configuration for them. Sourced, with `package` and `suite` set; sets `root`.
# shellcheck shell=bash disable=SC2154
root=$(mktemp -d)
servers=
config=/etc/chat-digest/chat-digest.toml
stop_servers() {
  [ -z "$servers" ] || kill "$servers" 2>/dev/null || true
}

say() { printf '== %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
within() { chroot "$root" "$@"; }
# Waits until a file holds some words.
holds() { # file words
  for _ in $(seq 600); do
    grep -q "$2" "$1" 2>/dev/null && return
    sleep 0.1
  done
  cat "$1" >&2
  fail "$1 does not say: $2"
}

# A root with these packages besides; $BASE, a root that debootstrap has made before, saves the time.
clean_root() { # package,...
  say "a clean root: $suite"
  # As the root of a system: the service's user has to come in.
  chmod 755 "$root"
  if [ -n "${BASE:-}" ]; then
    cp -a "$BASE/." "$root/"
  else
    debootstrap --variant=minbase ${1:+--include="$1"} "$suite" "$root" >/dev/null
  fi
  # This machine's way to the mirror may be its own.
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  cp -rL /etc/apt/apt.conf.d "$root/etc/apt/"
  cp "$package" "$root/tmp/chat-digest.deb"
}

install_package() {
  say "install"
  within apt-get update -qq
  within env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /tmp/chat-digest.deb
}

value() { python3 -c "import json; print(json.loads(open('$root/embedded.json').readline())$1)"; }

# Embedded servers in the root, and a configuration that names them and takes its passwords from these sources.
serve_and_configure() { # password-of-chat password-of-mail
  say "embedded servers, in the root"
  chroot "$root" chat-digest embedded --json >"$root/embedded.json" 2>"$root/embedded.log" &
  servers=$!
  holds "$root/embedded.json" sip_tls
  python3 - "$root/embedded.json" "$1" "$2" >"$root$config" <<'END'
import json, sys
at = json.loads(open(sys.argv[1]).readline())
me = at["users"][0]
q = json.dumps
print(f"""include = ["conf.d/*.toml"]
[chat]
address = {q(me["sip"])}
login = {q(me["login"])}
password = {sys.argv[2]}
server = {q(at["sip_tls"])}
ca_file = "/etc/chat-digest/ca.pem"
[chat.assumed]
members_command = true
associations_command = true
[mail]
url = {q(at["ews"])}
login = {q(me["login"])}
password = {sys.argv[3]}
mailbox = {q(me["mailbox"])}
ca_file = "/etc/chat-digest/ca.pem"
[store]
directory = "/var/lib/chat-digest" """)
END
  value '["users"][0]["password"]' >"$root/etc/chat-digest/password"
  cp "$root$(value '["ca_file"]')" "$root/etc/chat-digest/ca.pem"
  mkdir -p "$root/etc/chat-digest/conf.d"
  echo '[digest]
schedule = "every 15m"' >"$root/etc/chat-digest/conf.d/digest.toml"
  within chgrp -R chat-digest /etc/chat-digest
  chmod -R u=rwX,g=rX,o= "$root/etc/chat-digest"
}
