#!/bin/bash
# activate RELEASE: from the next request on, the edge sends everything to that release.
# activate RELEASE PERCENT: the release that serves goes on serving, and so many percent of requests go to RELEASE beside it; 0 takes that back.
#
# `active` leads to the folder of the release that serves. In it is a link for each hundredth of the requests, to the folder itself or to that of
# another release. All is done by renames, without a reload: that closes idle keep-alive connections, and a request on its way would be lost with them.
set -euo pipefail
release=${1:?usage: activate RELEASE [PERCENT]}
percent=${2:-0}
[[ $release =~ ^api-[0-9a-f]+$ ]] || { echo "activate: '$release' is no release; a release is api-<hex digits>" >&2; exit 64; }
[[ $percent =~ ^(0|[1-9][0-9]?|100)$ ]] || { echo "activate: '$percent' is no share; a share is a whole number from 0 to 100" >&2; exit 64; }
cd /var/lib/edge
before=$(basename "$(readlink active)")

# fill FOLDER SHARE OTHER: the first SHARE hundredths lead to OTHER, the rest to the folder itself.
fill() {
  local draft=draft.$$ part
  rm -rf draft.*
  mkdir -p "$draft" "releases/$1" "releases/$3"
  for part in {0..99}; do
    if [ "$part" -lt "$2" ]; then ln -s "../$3" "$draft/$part"; else ln -s . "$draft/$part"; fi
  done
  mv "$draft"/* "releases/$1/"
  rmdir "$draft"
}

if [ $# = 2 ]; then
  fill "$before" "$percent" "$release"
  exit
fi
fill "$release" 0 "$release"
ln -sfn "releases/$release" "active.$$"
mv -T "active.$$" active
# What was read right before the rename may still be looked up: the folder of the release before goes with the next one.
for folder in releases/*; do
  [ "$folder" = "releases/$release" ] || [ "$folder" = "releases/$before" ] || rm -r "$folder"
done
