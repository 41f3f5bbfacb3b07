#!/bin/sh
# Runs the given command in the app's folder. It is replaced by the command (`exec`), so that signals reach that.
cd "$(dirname "$0")/.." || exit 1
exec "$@"
