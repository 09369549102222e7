#!/bin/bash
# Makes the cluster on the first start, sets roles and passwords from the secret files on every start, then serves.
set -euo pipefail
bin=/usr/lib/postgresql/15/bin
volume=/var/lib/postgresql
data=$volume/data
secrets=${SECRETS_DIR:-/run/secrets/slipway}

for name in database-password database-owner-password; do
  if [ ! -s "$secrets/$name" ]; then
    echo "postgres: $secrets/$name is missing or empty; mount the secrets of the stack there" >&2
    exit 78
  fi
done

if [ ! -s "$data/PG_VERSION" ]; then
  # Made beside and renamed: an interrupted first start leaves nothing that looks like a cluster.
  rm -rf "$data.new"
  "$bin/initdb" --pgdata="$data.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --data-checksums --auth-local=peer --auth-host=scram-sha-256 --no-instructions
  mv "$data.new" "$data"
fi

# Only the socket listens here, and no failing statement is logged: statements hold passwords.
"$bin/pg_ctl" --pgdata="$data" --wait --silent --log=/tmp/roles.log start \
  -o "-c listen_addresses='' -c log_min_error_statement=panic -c unix_socket_directories=/tmp" || { cat /tmp/roles.log >&2; exit 1; }
"$bin/psql" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --host=/tmp --username=postgres --dbname=postgres \
  --set=secrets="$secrets" --file=/etc/slipway/roles.sql
"$bin/pg_ctl" --pgdata="$data" --wait --silent --mode=fast stop

exec "$bin/postgres" -D "$data" \
  -c listen_addresses='*' -c unix_socket_directories=/tmp -c hba_file=/etc/slipway/pg_hba.conf \
  -c password_encryption=scram-sha-256 -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
  -c logging_collector=off -c log_destination=stderr -c log_line_prefix='%m [%p] %q%u@%d ' \
  -c idle_in_transaction_session_timeout=60s -c jit=off "$@"
