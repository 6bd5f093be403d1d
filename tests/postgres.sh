#!/usr/bin/env bash
# A PostgreSQL server for the tests alone: `tests/postgres.sh start DIRECTORY` prints its address,
# `tests/postgres.sh stop DIRECTORY` ends it. It listens on 127.0.0.1, on a port of its own, and is
# made anew each time.
set -euo pipefail
action=${1:-} directory=${2:-}
[ -n "$directory" ] || { echo "usage: $0 start|stop DIRECTORY" >&2; exit 2; }
bin=$(dirname "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -1)")
[ -x "$bin/initdb" ] || { echo "$0: initdb is missing: install PostgreSQL's server" >&2; exit 1; }
# It refuses to run as root.
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
data=$directory/data
stop() { [ ! -f "$data/postmaster.pid" ] || as "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null; }
case $action in
start)
  stop
  rm -rf "$directory"
  mkdir -p "$directory"
  if [ "$(id -u)" = 0 ]; then chown postgres "$directory"; chmod 755 "$directory"; fi
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cd "$directory"
  as "$bin/initdb" -D "$data" -U postgres --auth=trust --no-sync >/dev/null
  # The tests are about what is committed, not about this disk.
  as "$bin/pg_ctl" -D "$data" -w -l "$directory/log" start >/dev/null -o \
    "-p $port -k $directory -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=400"
  echo "postgres://postgres@127.0.0.1:$port/postgres"
  ;;
stop) stop ;;
*) echo "usage: $0 start|stop DIRECTORY" >&2; exit 2 ;;
esac
