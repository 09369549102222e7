#!/bin/bash
# Passwords go from their files as hashes into a configuration on tmpfs: never on a command line, never in the environment. Whenever the
# files change, the users are set anew while Redis serves.
set -euo pipefail
secrets=${SECRETS_DIR:-/run/secrets/slipway}
. /usr/local/lib/slipway/supervise.sh
umask 077

# The user of each slot, by the file of its password.
users=('redis-password default' 'redis-password-second slipway_second')

has_logins() { [ -s "$secrets/redis-password" ] || [ -s "$secrets/redis-password-second" ]; }

if ! has_logins; then
  echo "redis: $secrets/redis-password is missing or empty; mount the secrets of the stack there" >&2
  exit 78
fi
applied=$(secrets_hash)

hash_of() { printf %s "$(cat "$1")" | sha256sum | cut -d ' ' -f 1; }

# What a user may do: everything with the password of its file, nothing without.
rules_of() {
  if [ -s "$secrets/$1" ]; then echo "on ~* &* +@all #$(hash_of "$secrets/$1")"; else echo off; fi
}

# Who sets the users while Redis serves, and may do nothing else; its password is made at every start.
head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1 > /tmp/keeper

ask() {
  local answer
  answer=$(REDISCLI_AUTH=$(cat /tmp/keeper) timeout 10 redis-cli -s /tmp/redis.sock --no-auth-warning --user slipway_keeper 2>&1) || { echo "$answer"; return 1; }
  # By standard input, where the exit code says nothing of an error.
  if grep -qvE '^(OK|[0-9]+)?$' <<< "$answer"; then echo "$answer"; return 1; fi
}

take_in() {
  has_logins || return 1
  local pair file user
  for pair in "${users[@]}"; do
    read -r file user <<< "$pair"
    echo "ACL SETUSER $user reset $(rules_of "$file")" | ask || return 1
    # Who came by a password that is refused now does not stay. Nor does who is about to log in, who counts as `default` until then.
    if [ ! -s "$secrets/$file" ]; then echo "CLIENT KILL USER $user" | ask || return 1; fi
  done
}

{
  cat << CONF
bind * -::*
port 6379
# For the keeper, whatever clients have to speak.
unixsocket /tmp/redis.sock
unixsocketperm 700
protected-mode yes
user slipway_keeper on #$(hash_of /tmp/keeper) -@all +acl|setuser +client|kill
dir /var/lib/redis
appendonly yes
appendfsync everysec
maxmemory ${REDIS_MAXMEMORY_MIB:-192}mb
# A queue that evicts loses jobs: a full Redis refuses writes instead.
maxmemory-policy noeviction
CONF
  for pair in "${users[@]}"; do
    read -r file user <<< "$pair"
    echo "user $user $(rules_of "$file")"
  done
} > /tmp/redis.conf
echo "$applied" > /tmp/applied
# What is asked for besides stands behind it; the last word counts.
supervise redis-server /tmp/redis.conf "$@"
