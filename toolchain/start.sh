#!/bin/sh
# Runs a command of this folder by the Node of the lock file, after bringing the packages of the lock file.
#
#   sh toolchain/start.sh commands/up.ts --stack dev     runs toolchain/commands/up.ts
#   sh toolchain/start.sh -- npm run check               runs a program with that Node first on PATH
#
# Plain sh, for what comes before there is a Node that strips types. Says what it does on standard error.
set -eu
cd "$(dirname "$0")/.."

fail() {
  printf '\n%s\n' "$1" >&2
  exit 1
}

case "$(uname -s)" in
  Linux) ;;
  *) fail "Slipway's commands run on Linux; this is $(uname -s). On Windows use WSL 2 (wsl --install -d Debian), elsewhere a virtual machine." ;;
esac

stamp=node_modules/.slipway-lock
lock=$(cksum < package-lock.json)

# Complete packages of this lock file, for this processor.
installed() {
  { [ "$(cat "$stamp" 2> /dev/null)" = "$lock" ] || [ node_modules/.package-lock.json -nt package-lock.json ]; } &&
    node_modules/.bin/node --version > /dev/null 2>&1
}

install() {
  major=$(node --version 2> /dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')
  [ -n "$major" ] || fail "There is no Node here. Version 20 or newer brings the rest: sudo apt-get install nodejs npm, or see nodejs.org."
  [ "$major" -ge 20 ] || fail "Node is $(node --version); 20 or newer is needed to install the packages, one of which is the Node that is used then."
  command -v npm > /dev/null || fail "There is a Node but no npm. Install it: sudo apt-get install npm"
  # npm would empty the folder that it leads to, which is another checkout's.
  [ ! -L node_modules ] || fail "node_modules is a link to packages of another lock file. Remove the link, and run this again: rm node_modules"
  log=$(mktemp)
  since=$(date +%s)
  # Scripts are not needed: what is used of native code comes in packages of its own.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > "$log" 2>&1 &
  npm=$!
  trap 'kill $npm 2> /dev/null || true; rm -f "$log"' EXIT
  trap 'exit 130' INT TERM HUP
  said=0
  while kill -0 $npm 2> /dev/null; do
    sleep 1
    elapsed=$(($(date +%s) - since))
    if [ -t 2 ]; then
      printf '\r\033[2K… %-22s %6s s' "Node packages" "$elapsed" >&2
    elif [ $((elapsed - said)) -ge 15 ]; then
      said=$elapsed
      printf '… %-22s %6s s\n' "Node packages" "$elapsed" >&2
    fi
  done
  [ ! -t 2 ] || printf '\r\033[2K' >&2
  if ! wait $npm; then
    printf '✗ %-22s %6s s  failed; what npm printed last follows\n' "Node packages" "$elapsed" >&2
    fail "$(tail -n 30 "$log")"
  fi
  trap - EXIT INT TERM HUP
  rm -f "$log"
  printf '%s\n' "$lock" > "$stamp"
  printf '✓ %-22s %6s s\n' "Node packages" "$elapsed" >&2
}

installed || install
node_modules/.bin/node --version > /dev/null 2>&1 ||
  fail "No Node package fits this machine ($(uname -m)); x86_64 and aarch64 are in package.json's optionalDependencies."

if [ "${1:-}" = "--" ]; then
  shift
  PATH="$PWD/node_modules/.bin:$PATH"
  export PATH
  exec "$@"
fi
command=$1
shift
exec node_modules/.bin/node "toolchain/$command" "$@"
