#!/bin/sh
# The default command (`pnpm start`): show the keys, then the gateway alone. Railway starts pool-server.js instead.
set -eu
# As process 1 a shell without a trap does not get these signals at all.
trap 'exit 143' TERM
trap 'exit 130' INT
cd "$(dirname "$0")/.."
sh scripts/keys.sh --generate
exec sh scripts/gateway.sh
