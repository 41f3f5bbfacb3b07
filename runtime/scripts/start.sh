#!/bin/sh
# The default command (`pnpm start`): shows the keys, then runs the gateway alone. Railway starts pool-server.js instead.
#
# Process 1 gets only signals for which it has a handler. `exec` removes the handlers until the next program installs its
# own, and a SIGTERM of `docker stop` in between would be lost. So this shell stays process 1.
set -eu
trap 'exit 143' TERM
trap 'exit 130' INT
cd "$(dirname "$0")/.."
sh scripts/keys.sh --generate
sh scripts/gateway.sh &
gateway=$!
trap 'kill -TERM "$gateway" 2>/dev/null || true' TERM INT
code=0
wait "$gateway" || code=$?
# A signal also interrupts `wait`, while the gateway is still ending.
while kill -0 "$gateway" 2>/dev/null; do
    code=0
    wait "$gateway" || code=$?
done
exit "$code"
