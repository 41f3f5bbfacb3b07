#!/bin/sh
# Prints one line for each key: from env, generated, default, not set, or missing (required); never a value.
#
#   keys.sh              show the keys
#   keys.sh --generate   write missing random values to $OPENCLAW_STATE_DIR/generated.env, then show
#   keys.sh --check      show, and exit with 1 if a required key is missing
#
# It generates random values only. Unlike the real image at boot, it never creates an OpenRouter key, an AgentMail inbox
# or a Telnyx number: the pool manager creates a key and an inbox for each agent, and deletes them with it.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
generated="${OPENCLAW_STATE_DIR:-/app}/generated.env"
missing=0

random_hex() {
    head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

is_generated() {
    [ -f "$generated" ] && grep -q "^$1=." "$generated"
}

generate() {
    prefix=${2%%:*}
    printf '%s=%s%s\n' "$1" "$prefix" "$(random_hex "${2#*:}")" >>"$generated"
}

# An empty value counts as not set, because an env file may list a key without a value (`NAME=`).
is_set() {
    eval "[ -n \"\${$1-}\" ]"
}

while read -r name kind; do
    case $name in '' | '#'*) continue ;; esac
    case $kind in
        generated=*) if [ "${1:-}" = --generate ] && ! is_set "$name" && ! is_generated "$name"; then
            generate "$name" "${kind#generated=}"
        fi ;;
    esac
    if is_set "$name"; then
        state="from env"
    elif is_generated "$name"; then
        state="generated"
    else
        case $kind in
            required) state="missing (required)" && missing=$((missing + 1)) ;;
            default=*) state="default" ;;
            *) state="not set" ;;
        esac
    fi
    printf '  %-28s %s\n' "$name" "$state"
done <"$here/keys.list"

if [ "${1:-}" = --check ] && [ "$missing" -gt 0 ]; then
    echo "keys: $missing required missing; set them in runtime/.env or on the pool manager" >&2
    exit 1
fi
