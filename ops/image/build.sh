#!/bin/sh
# Builds an image: ops/image/build.sh [--push] runtime|pool REFERENCE…
#
# It uses docker buildx if that is installed, else buildctl if BUILDKIT_HOST is set, else docker build.
# CONVOS_BASE_IMAGES names a folder of stand-ins (ops/toolchain/base_images.py) for base images that cannot be pulled.
# REVISION and VERSION become labels; without them they are git's commit and `dev`. The last line is the image's digest.
set -eu
cd "$(dirname "$0")/../.."

usage() {
    echo "usage: ops/image/build.sh [--push] runtime|pool REFERENCE…" >&2
    exit 2
}

push=false
if [ "${1:-}" = --push ]; then push=true && shift; fi
case ${1:-} in
    runtime) context=. ;;   # its Dockerfile copies runtime/… from the repository's root
    pool) context=pool ;;   # Railway's root directory: the folder alone
    *) usage ;;
esac
file=$1/Dockerfile
shift
[ $# -gt 0 ] || usage

revision=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
version=${VERSION:-dev}
node=node:22-bookworm-slim
python=python:3.11-slim-bookworm
base=${CONVOS_BASE_IMAGES:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

with_buildx() {
    for reference in "$@"; do set -- "$@" --tag "$reference" && shift; done
    if [ -n "$base" ]; then
        set -- "$@" --build-context "$node=$base/node" --build-context "$python=$base/python" \
            --build-context "dependencies=$base/pool-dependencies"
    fi
    if $push; then set -- "$@" --push; else set -- "$@" --load; fi
    docker buildx build --file "$file" --build-arg "REVISION=$revision" --build-arg "VERSION=$version" \
        --provenance=false --metadata-file "$scratch/metadata.json" "$@" "$context"
}

with_buildctl() {
    names=$(printf '%s,' "$@")
    if $push; then
        kind="type=image,\"name=${names%,}\",push=true"
    else
        kind="type=docker,\"name=${names%,}\",dest=$scratch/image.tar"
    fi
    set -- --output "$kind" --local "context=$context" --local "dockerfile=$(dirname "$file")"
    if [ -n "$base" ]; then
        set -- "$@" --opt "context:$node=local:node" --local "node=$base/node" \
            --opt "context:$python=local:python" --local "python=$base/python" \
            --opt context:dependencies=local:dependencies --local "dependencies=$base/pool-dependencies"
    fi
    buildctl build --progress=plain --frontend dockerfile.v0 --opt "build-arg:REVISION=$revision" \
        --opt "build-arg:VERSION=$version" --metadata-file "$scratch/metadata.json" "$@"
    if ! $push; then docker load --input "$scratch/image.tar"; fi
}

# Without BuildKit there are no named contexts, so the stand-in is imported as an image with a name of its own.
with_docker() {
    for reference in "$@"; do set -- "$@" --tag "$reference" && shift; done
    if [ -n "$base" ]; then
        tar --create --directory "$base/node" . | docker import - convos-base-node:local >/dev/null
        set -- "$@" --build-arg BASE_IMAGE=convos-base-node:local
    fi
    docker build --file "$file" --build-arg "REVISION=$revision" --build-arg "VERSION=$version" \
        --iidfile "$scratch/id" "$@" "$context"
}

if docker buildx version >/dev/null 2>&1; then
    with_buildx "$@"
elif [ -n "${BUILDKIT_HOST:-}" ] && command -v buildctl >/dev/null; then
    with_buildctl "$@"
elif [ -n "$base" ] && [ "$context" = pool ]; then
    echo "build: the stand-in for a stage of pool/Dockerfile needs BuildKit; install docker buildx, or set BUILDKIT_HOST for buildctl" >&2
    exit 1
else
    with_docker "$@"
    if $push; then for reference in "$@"; do docker push "$reference"; done; fi
fi

digest=$(sed -n 's/.*"containerimage.digest": *"\([^"]*\)".*/\1/p' "$scratch/metadata.json" 2>/dev/null || true)
echo "${digest:-$(cat "$scratch/id" 2>/dev/null || echo 'digest unknown')}"
