"""Ctrl-C while a child process runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_to_child() -> Iterator[None]:
    """Ignore Ctrl-C in this process during the block: the terminal sends it to the child as well, which ends cleanly.

    An exception here would make us kill the child, and a killed Pulumi leaves its lock behind. A handler of ours
    is not inherited by the child, as SIG_IGN would be.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
