#!/bin/bash
# activate RELEASE: from the next request on, the edge sends everything to that release.
# One rename, no reload: a reload closes idle keep-alive connections, and a request on its way would be lost with them.
set -euo pipefail
release=${1:?usage: activate RELEASE}
[[ $release =~ ^api-[0-9a-f]+$ ]] || { echo "activate: '$release' is no release; a release is api-<hex digits>" >&2; exit 64; }
cd /var/lib/edge
mkdir -p "releases/$release"
ln -sfn "releases/$release" "active.$$"
mv -T "active.$$" active
for folder in releases/*; do
  [ "$folder" = "releases/$release" ] || rmdir "$folder"
done
