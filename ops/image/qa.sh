#!/bin/sh
# Checks an image of the runtime: qa.sh IMAGE. Starts it as Railway does, waits until it says that it is ready, runs its
# smoke tests inside, and shows its log when one fails. With KIND=pool it is an image of the pool manager (qa-pool.sh).
#
# The defaults fit the team's image and the reference runtime:
#   QA_START_COMMAND   node scripts/pool-server.js; today's image: node convos-platform/pool-server/dist/index.js
#   QA_SMOKE_COMMAND   for `sh -c` in the container: `pnpm qa`, or `node scripts/qa.js` if the image has no pnpm
#   QA_HEALTH_PATH     /pool/health, which has to answer {"ready": true}
#   QA_BEARER          POOL_API_KEY of the container, and the bearer token of the health request; without it, no token is needed
#   QA_READY_SECONDS (120), QA_SETTLE_SECONDS (15, for the browser service), QA_SMOKE_SECONDS (120)
#   QA_KEYS            the names of further variables to pass on
#
# Agents' keys (runtime/scripts/keys.list) that are set here are passed on by name; OPENCLAW_GATEWAY_TOKEN,
# SETUP_PASSWORD and PRIVATE_WALLET_KEY are generated if they are not set. At boot the team's image creates what it lacks:
# an OpenRouter key, a mail inbox, a phone number. Nothing would delete those, so a key that can create one is passed on
# only together with the thing that it would create, and the management key never.
set -eu
cd "$(dirname "$0")/../.."

image=${1:?usage: qa.sh IMAGE}
if [ "${KIND:-runtime}" = pool ]; then exec sh ops/image/qa-pool.sh "$image"; fi
. ops/image/container.sh

random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
is_set() { eval "[ -n \"\${$1-}\" ]"; }

OPENCLAW_GATEWAY_TOKEN=${OPENCLAW_GATEWAY_TOKEN:-$(random_hex 32)}
SETUP_PASSWORD=${SETUP_PASSWORD:-$(random_hex 16)}
PRIVATE_WALLET_KEY=${PRIVATE_WALLET_KEY:-0x$(random_hex 32)}
export OPENCLAW_GATEWAY_TOKEN SETUP_PASSWORD PRIVATE_WALLET_KEY

# makes NAME: prints the variable whose value the key NAME would create at boot if it is missing.
makes() {
    case $1 in
        AGENTMAIL_API_KEY) echo AGENTMAIL_INBOX_ID ;;
        TELNYX_API_KEY) echo TELNYX_PHONE_NUMBER ;;
    esac
}

handed_on=
hand_on() {
    is_set "$1" || return 0
    made=$(makes "$1")
    if [ -n "$made" ] && ! is_set "$made"; then
        say "$1 is not passed on: without $made the image would create one at each run; set $made"
        return 0
    fi
    handed_on="$handed_on --env $1"
}

for name in $(sed -n 's/^\([A-Z_][A-Z0-9_]*\) .*/\1/p' runtime/scripts/keys.list) ${QA_KEYS-}; do
    case $name in
        *[!A-Za-z0-9_]* | [0-9]*) say "QA_KEYS: $name is not the name of a variable" && exit 1 ;;
        OPENROUTER_MANAGEMENT_KEY) say "QA_KEYS: an agent is never given $name" && exit 1 ;;
        # This script sets these itself.
        POOL_API_KEY | PORT | OPENCLAW_STATE_DIR | CHROMIUM_PATH) ;;
        *) hand_on "$name" ;;
    esac
done
if [ -n "${QA_BEARER-}" ]; then
    export POOL_API_KEY="$QA_BEARER"
    handed_on="$handed_on --env POOL_API_KEY"
fi

# The health path exists under this start command only: `pnpm start` runs the gateway alone.
# shellcheck disable=SC2086 # $handed_on is a list of flags with names that were checked; the command is words
docker run --detach --name "$container" --publish 127.0.0.1::8080 --env PORT=8080 --env OPENCLAW_STATE_DIR=/app \
    $handed_on "$image" ${QA_START_COMMAND:-node scripts/pool-server.js} >/dev/null
find_address
wait_until '*"ready":true*' "${QA_READY_SECONDS:-120}" "${QA_HEALTH_PATH:-/pool/health}" "${QA_BEARER-}"
say "ready: $answer"
sleep "${QA_SETTLE_SECONDS:-15}"

default='if command -v pnpm >/dev/null; then exec pnpm qa; else exec node scripts/qa.js; fi'
smoke_seconds=${QA_SMOKE_SECONDS:-120}
{
    timeout "$smoke_seconds" docker exec "$container" sh -c "${QA_SMOKE_COMMAND:-$default}" 2>&1
    echo $? >"$scratch/code"
} | shown
if [ "$(cat "$scratch/code")" != 0 ]; then
    say "the smoke tests failed, or took longer than $smoke_seconds s"
    exit 1
fi
say "passed: $image"
