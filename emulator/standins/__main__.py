"""`python -m emulator.standins`: serves both stand-ins until SIGTERM, for `make local`."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys

from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount
from emulator.standins.server import AGENTMAIL, AGENTMAIL_KEY, MANAGEMENT_KEY, OPENROUTER, Standins, server


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m emulator.standins", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--openrouter-key", default=MANAGEMENT_KEY)
    parser.add_argument("--agentmail-key", default=AGENTMAIL_KEY)
    options = parser.parse_args(arguments)
    found = Standins(OpenRouterAccount(options.openrouter_key), AgentMailAccount(options.agentmail_key))
    serving = server(found, options.host, options.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdout.write(f"standins: {found.url}{OPENROUTER} and {found.url}{AGENTMAIL}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        serving.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
