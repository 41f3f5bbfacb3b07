#!/bin/sh
# Runs the runtime image on this machine as Railway would: ops/image/run.sh IMAGE [COMMAND…]
# The keys come from runtime/.env, never from the .env of the repository's root.
set -eu
cd "$(dirname "$0")/../.."

image=${1:?usage: ops/image/run.sh IMAGE [COMMAND…]}
shift
if [ ! -f runtime/.env ]; then
    echo "run: runtime/.env is missing; run: cp runtime/.env.example runtime/.env" >&2
    exit 1
fi
if [ $# -eq 0 ]; then set -- node scripts/pool-server.js; fi
if [ -t 0 ] && [ -t 1 ]; then terminal=-it; else terminal=; fi

# PORT and the state folder come last, because the image relies on them: they override the file.
exec docker run --rm $terminal --name "${NAME:-convos-runtime}" -p "127.0.0.1:${HOST_PORT:-8080}:8080" \
    --env-file runtime/.env -e PORT=8080 -e OPENCLAW_STATE_DIR=/app "$image" "$@"
