#!/bin/sh
# One line a key: from env, generated, default, not set, or missing (required). Never a value.
#
#   keys.sh              show the keys
#   keys.sh --generate   make the missing ones that can be made, once, in $OPENCLAW_STATE_DIR/generated.env; then show
#   keys.sh --check      show, and exit 1 when a required key is missing
#
# Random values are all that it makes. It never asks OpenRouter for a key, AgentMail for an inbox or Telnyx for a number,
# as the real image does at boot: the pool manager gives each agent its own, and deletes them with it.
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

# An empty value counts as not set: an env file lists keys with nothing behind the equals sign.
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
