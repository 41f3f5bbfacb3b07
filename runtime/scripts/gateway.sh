#!/bin/sh
# Ends gateways that an earlier start left running, then becomes the gateway.
#
# A parent such as `sh -c "… sh scripts/gateway.sh"` has this script's name in its command line. A search by name that
# excludes only $$ would kill it, and this script with it. So all ancestors are excluded.
set -eu
# The kernel does not deliver these signals to process 1 (`pnpm start`) unless it has a trap for them.
trap 'exit 143' TERM
trap 'exit 130' INT
cd "$(dirname "$0")/.."
OPENCLAW_GATEWAY_PORT=${OPENCLAW_GATEWAY_PORT:-18789}
export OPENCLAW_GATEWAY_PORT

parent_of() {
    sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null
}

ancestors() {
    pid=$$
    while [ "${pid:-0}" -gt 0 ]; do
        printf ' %s ' "$pid"
        pid=$(parent_of "$pid")
    done
}

port_of() {
    port=$(tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | sed -n 's/^OPENCLAW_GATEWAY_PORT=//p')
    echo "${port:-18789}"
}

# Tells whether a process is a gateway of this container on the same port. On a host, /proc also has the processes of all
# containers, so the namespace is compared.
is_gateway() {
    case $(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") in
        *node\ *gateway.js* | *sh\ *gateway.sh*) ;;
        *) return 1 ;;
    esac
    [ "$(readlink "/proc/$1/ns/pid")" = "$(readlink /proc/self/ns/pid)" ] && [ "$(port_of "$1")" = "$OPENCLAW_GATEWAY_PORT" ]
}

# Sets $stale. A function for `$(…)` would run in a copy of this shell, which would be found by its name as well.
find_stale() {
    stale=
    spared=$(ancestors)
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        case $spared in *" $pid "*) continue ;; esac
        if is_gateway "$pid"; then stale="$stale $pid"; fi
    done
}

any_alive() {
    for pid in $1; do
        # A zombie has ended, even if its parent has not collected it yet.
        if [ -d "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; then return 0; fi
    done
    return 1
}

# Without /proc (macOS) nothing is killed: the gateway then reports that its port is in use.
stale=
if [ -r /proc/self/status ]; then find_stale; fi
if [ -n "$stale" ]; then
    echo "gateway: ending gateways of an earlier start:$stale"
    # shellcheck disable=SC2086 # a list of process ids
    kill -TERM $stale 2>/dev/null || true
    waited=0
    while any_alive "$stale" && [ "$waited" -lt 50 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
    # shellcheck disable=SC2086
    kill -KILL $stale 2>/dev/null || true
fi

exec node scripts/gateway.js
