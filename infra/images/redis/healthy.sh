#!/bin/bash
# Asks as a client would; what a client needs besides, such as --tls, are its arguments.
set -euo pipefail
secrets=${SECRETS_DIR:-/run/secrets/slipway}
# By whichever slot is accepted.
file=$secrets/redis-password user=default
[ -s "$file" ] || { file=$secrets/redis-password-second user=slipway_second; }
REDISCLI_AUTH=$(cat "$file")
export REDISCLI_AUTH
[ "$(redis-cli --no-auth-warning --user "$user" "$@" ping)" = PONG ]
