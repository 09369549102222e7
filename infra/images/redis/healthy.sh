#!/bin/bash
set -euo pipefail
REDISCLI_AUTH=$(cat "${SECRETS_DIR:-/run/secrets/slipway}/redis-password")
export REDISCLI_AUTH
[ "$(redis-cli --no-auth-warning ping)" = PONG ]
