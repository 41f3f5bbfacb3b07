"""Restores SIGINT, which a shell sets to be ignored for its background jobs."""

from __future__ import annotations

import signal


def heed() -> None:
    """Let SIGINT end this process and its children again.

    Children inherit that a signal is ignored. Pulumi ends its plugins by SIGINT, and waits five seconds for each one
    that ignores it: a preview took 6.5 s instead of 1.5 s.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
