#!/bin/sh
# Checks an image: qa.sh IMAGE. Starts it with the start command that Railway uses, waits until /pool/health says
# ready (QA_READY_SECONDS, 120), runs the smoke tests inside (QA_SMOKE_SECONDS, 120), and shows its log when one fails.
# Keys of agents that are set here (OPENCLAW_PRIMARY_MODEL, …: runtime/scripts/keys.list) are handed on by name.
set -eu
cd "$(dirname "$0")/../.."

image=${1:?usage: qa.sh IMAGE}
ready_seconds=${QA_READY_SECONDS:-120}
smoke_seconds=${QA_SMOKE_SECONDS:-120}
container=convos-qa-$$-$(date +%s)

say() { printf 'qa: %s\n' "$*"; }

finish() {
    code=$?
    trap - EXIT
    if [ "$code" -ne 0 ] && docker inspect "$container" >/dev/null 2>&1; then
        say "failed; the container's log:"
        docker logs "$container" 2>&1 | sed 's/^/  | /'
    fi
    docker rm --force --volumes "$container" >/dev/null 2>&1 || true
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

handed_on=
while read -r name _; do
    case $name in '' | '#'* | POOL_API_KEY | PORT | OPENCLAW_STATE_DIR | CHROMIUM_PATH) continue ;; esac
    if eval "[ -n \"\${$name-}\" ]"; then handed_on="$handed_on --env $name"; fi
done <runtime/scripts/keys.list

# The health path exists under this start command only: `pnpm start` runs the gateway alone.
# shellcheck disable=SC2086 # $handed_on is a list of flags with names of ours
docker run --detach --name "$container" --publish 127.0.0.1::8080 --env PORT=8080 --env OPENCLAW_STATE_DIR=/app \
    --env "POOL_API_KEY=${POOL_API_KEY:-qa-$$}" $handed_on "$image" node scripts/pool-server.js >/dev/null
# An empty answer means that the container has ended already: the loop below says how.
address=$(docker port "$container" 8080/tcp 2>/dev/null | head -n 1 || true)
say "started $image on ${address:-no port}"

health() { curl --silent --max-time 5 "http://$address/pool/health" 2>/dev/null || true; }

deadline=$(($(date +%s) + ready_seconds))
answer=
while :; do
    if [ "$(docker inspect --format '{{.State.Running}}' "$container")" != true ]; then
        say "the container ended with exit code $(docker inspect --format '{{.State.ExitCode}}' "$container") before it was ready"
        exit 1
    fi
    answer=$(health)
    case $answer in *'"ready":true'*) break ;; esac
    if [ "$(date +%s)" -ge "$deadline" ]; then
        say "not ready after $ready_seconds s; /pool/health answers: ${answer:-nothing}"
        exit 1
    fi
    sleep 1
done
say "ready: $answer"

if ! timeout "$smoke_seconds" docker exec "$container" node scripts/qa.js; then
    say "the smoke tests failed, or took longer than $smoke_seconds s"
    exit 1
fi
say "passed: $image"
