#!/bin/sh
# What `make test` finds on PATH, so that it skips no test: a browser, a pooler, PostgreSQL with TLS, a registry.
# `make doctor` names each of them. Docker, Go and Node are features of devcontainer.json.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends \
    chromium docker-registry git iptables make openssl pgbouncer postgresql runc
# Their services would take the usual ports, and the tests start their own.
for service in pgbouncer postgresql docker-registry; do
    service "$service" stop >/dev/null 2>&1 || true
done
# A checkout that is mounted belongs to the user of the machine outside.
git config --global --add safe.directory "$(pwd)"
