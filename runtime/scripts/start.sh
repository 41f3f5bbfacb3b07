#!/bin/sh
# The default command (`pnpm start`): show the keys, then run the gateway alone. Railway starts pool-server.js instead.
#
# As process 1 a program gets only the signals that it has a handler for, and an `exec` takes the handlers away until
# the next program has its own: one SIGTERM of `docker stop` in between would be lost. So this shell stays process 1.
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
# A signal ends the wait, too: then the gateway is still on its way out.
while kill -0 "$gateway" 2>/dev/null; do
    code=0
    wait "$gateway" || code=$?
done
exit "$code"
