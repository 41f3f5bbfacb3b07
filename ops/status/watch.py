"""Looks at a stack again and again, until somebody interrupts it: `make status STACK=… WATCH=1`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ops.status.source import Clock, now
from ops.status.views import Look
from railway_api.failure import Failure

if TYPE_CHECKING:
    from ops.status.report import Report
    from ops.status.views import View

EVERY_SECONDS = 5.0
"""From the beginning of one look to the beginning of the next; a look that takes longer is followed at once."""


def watch(
    look: Callable[[], Report],
    first: Look,
    view: View,
    pause: Callable[[float], None] = time.sleep,
    clock: Clock = now,
) -> Look:
    """Show looks until an interrupt (Ctrl-C, SIGTERM) or until nobody reads them; return the last one.

    A look that fails is shown like any other: a backend that is away for a moment ends no watch.

    Args:
        look: reads the stack.
        first: the look that is shown first.
        view: shows each.
        pause: waits so many seconds.
        clock: returns the present moment.
    """
    last = first
    try:
        with _ended_by_one_signal():
            while True:
                view.show(last)
                pause(max(0.0, EVERY_SECONDS - (clock() - last.at).total_seconds()))
                last = looked(look, clock)
    except (KeyboardInterrupt, BrokenPipeError):
        return last


def looked(look: Callable[[], Report], clock: Clock = now) -> Look:
    """Return what a look finds, or why it finds nothing."""
    at = clock()
    try:
        return Look(at, look())
    except Failure as error:
        return Look(at, error)


@contextmanager
def _ended_by_one_signal() -> Iterator[None]:
    """Let SIGTERM (`timeout 60 make status …`) end the watch as Ctrl-C does; a second signal does not cut its end.

    `timeout` sends its signal to make and to all that make has started, and make sends it on.
    """
    signals = (signal.SIGINT, signal.SIGTERM)

    def interrupt(*_: object) -> None:
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, interrupt) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            if signal.getsignal(one) is interrupt:
                signal.signal(one, handler)
