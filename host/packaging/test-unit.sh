#!/usr/bin/env bash
# Runs the unit as systemd runs it: boots a clean Debian root with the package in namespaces of its own, and there
# starts, reloads, freezes, kills and stops the service, against embedded servers. Needs root, debootstrap, python3,
# Linux with cgroups, and a mirror; systemd need not run on the machine itself.
#   test-unit.sh PACKAGE [SUITE]     BASE=FOLDER takes a root that debootstrap has made before, with systemd and dbus
set -euo pipefail
package=$(readlink -f "$1")
suite=${2:-bookworm}
. "$(dirname "$(readlink -f "$0")")/root.sh"
# The group of processes that the booted systemd is to have for itself, in each hierarchy.
group=chat-digest-test-$$
hierarchies=()
booted=
finish() {
  [ -z "$booted" ] || kill -KILL "$booted" 2>/dev/null || true
  stop_servers
  wait 2>/dev/null || true
  for hierarchy in "${hierarchies[@]}"; do
    # The inner ones first.
    find "$hierarchy/$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  rm -rf "$root"
}
trap finish EXIT

# Where the hierarchies are that systemd keeps its units in: one of version 2, or an older machine's two.
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
  hierarchies=(/sys/fs/cgroup)
else
  hierarchies=(/sys/fs/cgroup/systemd /sys/fs/cgroup/unified)
fi

boot() {
  say "boot"
  local hierarchy
  for hierarchy in "${hierarchies[@]}"; do mkdir "$hierarchy/$group"; done
  (
    for hierarchy in "${hierarchies[@]}"; do echo "$BASHPID" >"$hierarchy/$group/cgroup.procs"; done
    exec unshare --pid --fork --kill-child --mount --uts --ipc --cgroup bash -euc '
      cd "$0"
      mount --make-rprivate /
      # A root to change to has to be a mount of its own.
      mount --bind . . && cd "$0"
      mount -t proc proc proc
      mount -t sysfs -o ro sysfs sys
      if [ "$1" = 1 ]; then
        mount -t cgroup2 cgroup2 sys/fs/cgroup
      else
        mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
        mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
        mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
        mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
      fi
      mount -t tmpfs -o mode=755 tmpfs run
      mount -t tmpfs -o mode=755 tmpfs dev
      for name in null zero full random urandom tty; do touch "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
      ln -s /proc/self/fd dev/fd
      mkdir dev/pts dev/shm
      mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts && ln -s pts/ptmx dev/ptmx
      mount -t tmpfs -o mode=1777 tmpfs dev/shm
      mkdir -p host && pivot_root . host && umount -l host
      # As on a machine of its own: what systemd mounts for a service it has to see itself.
      mount --make-rshared /
      exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=basic.target
    ' "$root" "${#hierarchies[@]}"
  ) >"$root/boot.log" 2>&1 &
  local outer=$!
  # Nothing tells that there is somebody to ask.
  for _ in $(seq 300); do
    booted=$(pgrep -P "$outer" -f /lib/systemd/systemd || true)
    [ -z "$booted" ] || ! inside systemctl is-active basic.target >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  cat "$root/boot.log" >&2
  fail "systemd does not come up"
}
inside() { nsenter --target "$booted" --mount --pid --uts --ipc --cgroup -- "$@"; }
shown() { inside systemctl show --property="$1" --value chat-digest; }
journal() { inside journalctl --unit chat-digest --output cat --no-pager; }
# Waits until the journal holds some words so many times.
told() { # words [times]
  local count
  count=$(grep -m "${2:-1}" -cF -- "$1" < <(inside timeout 60 journalctl --unit chat-digest --output cat --lines all --follow) || true)
  [ "$count" = "${2:-1}" ] && return
  journal >&2
  fail "the journal does not say: $1 (${2:-1} times, but $count)"
}
# Waits until it is ready and in all rooms so many times, at last as another process than before.
started() { # times main-pid
  told "Started chat-digest.service" "$1"
  told "chat: joined" $(($1 * $(value '["rooms"].__len__()')))
  is "state" "$(shown ActiveState)/$(shown SubState)" active/running
  is "restarts" "$(shown NRestarts)" $(($1 - 1))
  [ "$(shown MainPID)" != "$2" ] || fail "still the process $2"
}
is() { # what is wanted
  [ "$2" = "$3" ] || fail "$1: $2, not $3"
  echo "$1: $2"
}

clean_root systemd,dbus
install_package
serve_and_configure '{ credential = "chat.password" }' '{ credential = "mail.password" }'
# Only root reads the passwords; the unit hands them over.
mkdir -m 700 "$root/etc/credstore"
mv "$root/etc/chat-digest/password" "$root/etc/credstore/password"
chown -R root:root "$root/etc/credstore"
chmod 600 "$root/etc/credstore/password"
mkdir -p "$root/etc/systemd/system/chat-digest.service.d"
# As the unit says, but not as slow.
cat >"$root/etc/systemd/system/chat-digest.service.d/test.conf" <<'END'
[Service]
LoadCredential=chat.password:/etc/credstore/password
LoadCredential=mail.password:/etc/credstore/password
RestartSec=1
WatchdogSec=6
END
boot
inside systemd-analyze verify --man=no chat-digest.service

say "start: systemctl waits until it is ready"
if ! inside systemctl start chat-digest; then
  journal >&2
  fail "it does not start"
fi
is "state" "$(shown ActiveState)/$(shown SubState)" active/running
echo "status: $(shown StatusText)"
told "chat: joined"
main=$(shown MainPID)
inside chat-digest status --config $config | head -n 12

say "what it may do"
status() { inside sed -n "s/^$1:[[:space:]]*//p" "/proc/$main/status"; }
is "capabilities" "$(status CapEff)" 0000000000000000
is "no new privileges" "$(status NoNewPrivs)" 1
is "system calls are filtered" "$(status Seccomp)" 2
is "user" "$(inside stat -c %U "/proc/$main")" chat-digest
is "its own files" "$(inside stat -c '%a %U' /var/lib/chat-digest/chat-digest.sqlite)" "600 chat-digest"
# In its own view of the files.
as_it() { nsenter --target "$(pgrep --ns "$booted" --nslist pid -f '^/usr/bin/chat-digest run')" --mount -- "$@"; }
as_it touch /var/lib/chat-digest/.may && as_it rm /var/lib/chat-digest/.may
for elsewhere in /etc /usr /var/log /root; do
  if as_it touch "$elsewhere/.may-not" 2>/dev/null; then fail "it may write to $elsewhere"; fi
  echo "$elsewhere: not writable"
done
inside systemd-analyze security --no-pager chat-digest | tail -n 1

say "reload"
echo 'mails_a_day = 9' >>"$root/etc/chat-digest/conf.d/digest.toml"
inside systemctl reload chat-digest
told "reload: taken over: digest.mails_a_day"
is "still the same process" "$(shown MainPID)" "$main"

say "killed: it is started again"
inside kill -KILL "$main"
started 2 "$main"

say "frozen: the watchdog ends it, and it is started again"
main=$(shown MainPID)
inside kill -STOP "$main"
started 3 "$main"

say "stop"
begun=$(date +%s)
inside systemctl stop chat-digest
is "result" "$(shown Result)/$(shown ExecMainStatus)" success/0
echo "stopped within $(($(date +%s) - begun)) s"
if journal | grep -qF "$(cat "$root/etc/credstore/password")"; then fail "a password in the journal"; fi
say "all is well"
