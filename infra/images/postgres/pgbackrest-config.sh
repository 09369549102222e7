#!/bin/bash
# Prints the configuration that pgBackRest archives WAL by, from BACKUP_* and the secret files. The agent's comes from
# backup/pgbackrest-config.ts; a test holds what they say of the repositories together.
set -euo pipefail
secrets=${SECRETS_DIR:-/run/secrets/slipway}

fail() {
  echo "postgres: $1" >&2
  exit 78
}
secret() {
  [ -s "$secrets/$1" ] || fail "$secrets/$1 is missing or empty; mount the secrets of the stack there"
  cat "$secrets/$1"
}

key=$(secret backup-key)
sealed() { printf '%s\n' "repo$1-cipher-type=aes-256-cbc" "repo$1-cipher-pass=$key"; }

cat <<CONF
[global]
log-level-console=warn
log-level-file=off
lock-path=/tmp/pgbackrest/lock
spool-path=/tmp/pgbackrest/spool
compress-type=zst
archive-push-queue-max=1GiB
io-timeout=20
repo1-path=$BACKUP_REPOSITORY_DIR/pgbackrest
CONF
sealed 1

offsite=${BACKUP_OFFSITE_URL:-}
case $offsite in
  '') ;;
  file:///?*)
    echo "repo2-path=${offsite#file://}/pgbackrest"
    sealed 2
    ;;
  s3://?*)
    [ -n "${BACKUP_OFFSITE_REGION:-}" ] || fail "BACKUP_OFFSITE_REGION is missing; set it to the region of the bucket"
    place=${offsite#s3://}
    bucket=${place%%/*}
    prefix=${place#"$bucket"}
    endpoint=${BACKUP_OFFSITE_ENDPOINT:-https://s3.$BACKUP_OFFSITE_REGION.amazonaws.com}
    cat <<CONF
repo2-type=s3
repo2-path=${prefix%/}/pgbackrest
repo2-s3-bucket=$bucket
repo2-s3-region=$BACKUP_OFFSITE_REGION
repo2-s3-endpoint=${endpoint#*://}
CONF
    # Elsewhere than at AWS a bucket has no name in DNS.
    [ -z "${BACKUP_OFFSITE_ENDPOINT:-}" ] || echo 'repo2-s3-uri-style=path'
    [ -z "${BACKUP_OFFSITE_CA_FILE:-}" ] || echo "repo2-storage-ca-file=$BACKUP_OFFSITE_CA_FILE"
    if [ -e "$secrets/offsite-access-key-id" ]; then
      id=$(secret offsite-access-key-id)
      access=$(secret offsite-secret-access-key)
      printf '%s\n' "repo2-s3-key=$id" "repo2-s3-key-secret=$access"
    else
      echo 'repo2-s3-key-type=auto'
    fi
    sealed 2
    ;;
  *)
    fail "BACKUP_OFFSITE_URL is $offsite, allowed are file:///folder and s3://bucket/folder"
    ;;
esac

printf '%s\n' '' '[slipway]' 'pg1-path=/var/lib/postgresql/data'
