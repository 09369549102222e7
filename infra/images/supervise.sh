# Sourced by the starts of Postgres and Redis, which take their secret files in anew while they serve.
#
# Not a watcher beside a server that was started by exec: Postgres takes every child of its process for one of its own, and a
# watcher that died for a crash, after which it would end all sessions.

# Hash of all secret files, by which a change is seen. One that cannot be read yet is no part of it.
secrets_hash() {
  (cd "$secrets" && sha256sum -- * 2> /dev/null || :) | sha256sum
}

# Runs a server, and every second looks whether the files have changed since /tmp/applied; `take_in` is called then. It may fail: the
# server goes on with what it has, and the next second tries again. Ends as the server ends.
supervise() {
  "$@" &
  server=$!
  local signal
  for signal in HUP INT QUIT TERM; do
    # shellcheck disable=SC2064
    trap "kill -$signal $server 2> /dev/null || :" "$signal"
  done
  while kill -0 "$server" 2> /dev/null; do
    { look || :; sleep 1; } &
    wait -n "$server" "$!" || :
  done
  local code=0
  wait "$server" || code=$?
  exit "$code"
}

look() {
  local now
  now=$(secrets_hash)
  if [ "$now" = "$(cat /tmp/applied 2> /dev/null || :)" ]; then return 0; fi
  # Once for each change, not once a second.
  local log=/tmp/take-in.log
  if take_in > "$log" 2>&1; then
    echo "$now" > /tmp/applied
    echo "the secret files have changed and are taken in" >&2
  elif [ "$now" != "$(cat /tmp/refused 2> /dev/null || :)" ]; then
    echo "$now" > /tmp/refused
    echo "the secret files have changed and could not be taken in, what was before goes on; tried again every second: $(tail -n 3 "$log")" >&2
  fi
}
