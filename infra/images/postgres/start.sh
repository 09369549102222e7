#!/bin/bash
# Makes the cluster on the first start, sets roles and passwords from the secret files on every start, then serves, and sets them anew
# whenever the files change.
# Where BACKUP_REPOSITORY_DIR names a repository, its WAL is archived there.
set -euo pipefail
bin=/usr/lib/postgresql/15/bin
volume=/var/lib/postgresql
data=$volume/data
secrets=${SECRETS_DIR:-/run/secrets/slipway}

export SECRETS_DIR=$secrets
. /usr/local/lib/slipway/supervise.sh

# A slot has both of its passwords or none: with one of them its files are just being written.
has_logins() {
  local slot found=
  for slot in '' -second; do
    if [ -s "$secrets/database-password$slot" ] && [ -s "$secrets/database-owner-password$slot" ]; then
      found=yes
    elif [ -e "$secrets/database-password$slot" ] || [ -e "$secrets/database-owner-password$slot" ]; then
      return 1
    fi
  done
  [ -n "$found" ]
}

if ! has_logins; then
  echo "postgres: $secrets/database-password or $secrets/database-owner-password is missing or empty; mount the secrets of the stack there" >&2
  exit 78
fi
applied=$(secrets_hash)

set_roles() {
  timeout 30 "$bin/psql" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --host=/tmp --username=postgres --dbname=postgres \
    --file=/etc/slipway/roles.sql
}

# The key stands in a file on tmpfs: never on a command line, never in the environment.
configure_archive() {
  (umask 077 && /usr/local/bin/pgbackrest-config > /tmp/pgbackrest.conf.new) && mv /tmp/pgbackrest.conf.new /tmp/pgbackrest.conf
}

take_in() {
  has_logins && set_roles && { [ -z "${BACKUP_REPOSITORY_DIR:-}" ] || configure_archive; }
}

sockets=/tmp
archive=()
if [ -n "${BACKUP_REPOSITORY_DIR:-}" ]; then
  configure_archive
  sockets=/tmp,${POSTGRES_SOCKET_DIR:?names the folder of the socket that the backup agent comes by}
  archive=(-c archive_mode=on -c archive_timeout=30s
    -c 'archive_command=pgbackrest --config=/tmp/pgbackrest.conf --stanza=slipway archive-push %p')
fi

if [ ! -s "$data/PG_VERSION" ]; then
  # An empty cluster in the place of one that was asked for would be served as if nothing were missing.
  if [ -n "${POSTGRES_GENERATION:-}" ] || [ -e "$data.restoring" ]; then
    echo "postgres: the volume of generation ${POSTGRES_GENERATION:-first} holds no whole cluster; run slipway restore again to fill it," \
      "or set slipway:data.generation to one that serves" >&2
    exit 78
  fi
  # Made beside and renamed: an interrupted first start leaves nothing that looks like a cluster.
  rm -rf "$data.new"
  "$bin/initdb" --pgdata="$data.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --data-checksums --auth-local=peer --auth-host=scram-sha-256 --no-instructions
  mv "$data.new" "$data"
fi

# Only the socket listens here, and no failing statement is logged: statements hold passwords. What is written meanwhile waits to be
# archived: with archiving off, a segment that was filled here would be missing in the archive, and every later one be out of reach.
archive_mode=off
[ ${#archive[@]} -eq 0 ] || archive_mode=on
"$bin/pg_ctl" --pgdata="$data" --wait --silent --log=/tmp/roles.log start \
  -o "-c listen_addresses='' -c log_min_error_statement=panic -c unix_socket_directories=/tmp -c archive_mode=$archive_mode" ||
  { cat /tmp/roles.log >&2; exit 1; }
set_roles
"$bin/pg_ctl" --pgdata="$data" --wait --silent --mode=fast stop

echo "$applied" > /tmp/applied
supervise "$bin/postgres" -D "$data" \
  -c listen_addresses='*' -c unix_socket_directories="$sockets" -c hba_file=/etc/slipway/pg_hba.conf \
  -c password_encryption=scram-sha-256 -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
  -c logging_collector=off -c log_destination=stderr -c log_line_prefix='%m [%p] %q%u@%d ' \
  -c idle_in_transaction_session_timeout=60s -c jit=off "${archive[@]}" "$@"
