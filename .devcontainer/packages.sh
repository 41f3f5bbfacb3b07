#!/bin/sh
# What `make test` looks for on PATH, so that it skips no test: a browser, a pooler, PostgreSQL with TLS, a registry.
# Docker, Go and Node are features of devcontainer.json.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends \
    chromium docker-registry git iptables make openssl pgbouncer postgresql runc
# Stop the packages' services, which take the usual ports: the tests start their own.
for service in pgbouncer postgresql docker-registry; do
    service "$service" stop >/dev/null 2>&1 || true
done
# A mounted checkout belongs to the user of the host, and git refuses the files of another user.
git config --global --add safe.directory "$(pwd)"
