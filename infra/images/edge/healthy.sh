#!/bin/bash
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/8080
printf 'GET /edge/health HTTP/1.0\r\n\r\n' >&3
read -r -t 3 status <&3
[[ $status == *" 200 "* ]]
