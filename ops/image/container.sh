# shellcheck shell=sh
# What the image checks share (qa.sh, qa-pool.sh): a container that is cleaned up, and its log without control characters.
# Read with `.`; afterwards $container is the name that the container has to be started with.

container=convos-qa-$$-$(date +%s)
scratch=$(mktemp -d)

say() { printf 'qa: %s\n' "$*"; }

# Control characters that a terminal or a CI log would obey, as \x1b; tabs and line breaks stay.
# C1 (U+0080 to U+009F) has two bytes in UTF-8, and the second one alone is a part of other characters.
for code in $(seq 1 8) $(seq 11 31) 127 $(seq 128 159); do
    # shellcheck disable=SC2059 # a byte by its octal number
    byte=$(printf "\\$(printf %03o "$code")")
    if [ "$code" -gt 127 ]; then byte=$(printf '\302')$byte; fi
    printf 's/%s/\\\\x%02x/g\n' "$byte" "$code"
done >"$scratch/control-characters.sed"

shown() { tr -d '\000' | LC_ALL=C sed -f "$scratch/control-characters.sed"; }

finish() {
    code=$?
    trap - EXIT
    if [ "$code" -ne 0 ] && docker inspect "$container" >/dev/null 2>&1; then
        say "failed; the container's log:"
        docker logs "$container" 2>&1 | shown | sed 's/^/  | /'
    fi
    docker rm --force --volumes "$container" >/dev/null 2>&1 || true
    rm -rf "$scratch"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Sets $address. It is empty if the container has already ended; wait_until reports its exit code.
find_address() {
    address=$(docker port "$container" 8080/tcp 2>/dev/null | head -n 1 || true)
    say "started $image on ${address:-no port}"
}

# get PATH [BEARER]: the body of the answer; the bearer goes through a pipe, not through the list of processes.
get() {
    { [ -z "${2-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$2"; } |
        curl --silent --max-time 5 --config - "http://$address$1" 2>/dev/null | shown || true
}

# wait_until PATTERN SECONDS PATH [BEARER]: until the answer, without blanks, matches a pattern of `case`. Sets $answer.
wait_until() {
    deadline=$(($(date +%s) + $2))
    while :; do
        if [ "$(docker inspect --format '{{.State.Running}}' "$container")" != true ]; then
            say "the container ended with exit code $(docker inspect --format '{{.State.ExitCode}}' "$container") before it was ready"
            exit 1
        fi
        answer=$(get "$3" "${4-}")
        # shellcheck disable=SC2254 # a pattern
        case $(printf '%s' "$answer" | tr -d ' \t\r\n') in $1) return ;; esac
        if [ "$(date +%s)" -ge "$deadline" ]; then
            say "not ready after $2 s; $3 answers: ${answer:-nothing}"
            exit 1
        fi
        sleep "${QA_POLL_SECONDS:-1}"
    done
}
