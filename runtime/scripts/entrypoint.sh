#!/bin/sh
# Runs whatever it is given from the app's folder, in its own place, so that signals reach it.
cd "$(dirname "$0")/.." || exit 1
exec "$@"
