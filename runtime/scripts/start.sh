#!/bin/sh
# The default command (`pnpm start`): show the keys, then the gateway alone. Railway starts pool-server.js instead.
set -eu
cd "$(dirname "$0")/.."
sh scripts/keys.sh --generate
exec sh scripts/gateway.sh
