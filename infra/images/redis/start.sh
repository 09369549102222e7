#!/bin/bash
# The password goes from its file into a configuration on tmpfs: never on a command line, never in the environment.
set -euo pipefail
secret=${SECRETS_DIR:-/run/secrets/slipway}/redis-password
if [ ! -s "$secret" ]; then
  echo "redis: $secret is missing or empty; mount the secrets of the stack there" >&2
  exit 78
fi
umask 077
cat > /tmp/redis.conf <<CONF
bind * -::*
port 6379
protected-mode yes
requirepass $(cat "$secret")
dir /var/lib/redis
appendonly yes
appendfsync everysec
maxmemory ${REDIS_MAXMEMORY_MIB:-192}mb
# A queue that evicts loses jobs: a full Redis refuses writes instead.
maxmemory-policy noeviction
CONF
exec redis-server /tmp/redis.conf
