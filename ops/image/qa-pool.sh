#!/bin/sh
# Checks an image of the pool manager: qa-pool.sh IMAGE. Starts it with addresses at which no Railway and no database
# answer. It must serve /healthz and /version nevertheless; otherwise its log is printed.
#
#   QA_READY_SECONDS   how long it may take (60)
set -eu
cd "$(dirname "$0")/../.."

image=${1:?usage: qa-pool.sh IMAGE}
. ops/image/container.sh

# Port 9 is the discard service: nothing listens there.
docker run --detach --name "$container" --publish 127.0.0.1::8080 --env PORT=8080 \
    --env "POOL_API_KEY=qa-$$" --env POOL_ENVIRONMENT=dev --env POOL_MIN_IDLE=0 \
    --env DATABASE_URL=postgresql://qa:qa@127.0.0.1:9/qa --env RAILWAY_API_URL=http://127.0.0.1:9/graphql/v2 \
    --env RAILWAY_API_TOKEN=qa --env RAILWAY_PROJECT_ID=qa --env RAILWAY_ENVIRONMENT_ID=qa \
    --env RAILWAY_RUNTIME_IMAGE=ghcr.io/xmtplabs/convos-runtime:dev "$image" >/dev/null
find_address
wait_until '*"ok":true*' "${QA_READY_SECONDS:-60}" /healthz
say "healthy: $answer"
wait_until '*"version":"?*"*' 5 /version
wait_until '*"environment":"dev"*' 5 /version
say "passed: $image: $answer"
