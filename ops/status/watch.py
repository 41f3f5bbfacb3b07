"""Polls a stack until someone interrupts it: `make status STACK=… WATCH=1`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ops.status.source import Clock, now
from ops.status.views import PollResult
from railway_api.failure import Failure

if TYPE_CHECKING:
    from ops.status.report import Report
    from ops.status.views import View

EVERY_SECONDS = 5.0
"""From the start of one poll to the start of the next; one that takes longer is followed at once."""


def watch(
    read: Callable[[], Report],
    first: PollResult,
    view: View,
    pause: Callable[[float], None] = time.sleep,
    clock: Clock = now,
) -> PollResult:
    """Poll until an interrupt (Ctrl-C, SIGTERM) or until the output is closed; return the last result.

    A failed poll is shown like any other: a backend that is briefly unavailable does not end the watch.

    Args:
        read: reads the stack.
        first: the result that is shown first.
        view: shows each result.
        pause: waits for a number of seconds.
        clock: returns the present moment.
    """
    last = first
    try:
        with _ended_by_one_signal():
            while True:
                view.show(last)
                pause(max(0.0, EVERY_SECONDS - (clock() - last.at).total_seconds()))
                last = poll(read, clock)
    except (KeyboardInterrupt, BrokenPipeError):
        return last


def poll(read: Callable[[], Report], clock: Clock = now) -> PollResult:
    """Return what a poll reads, or why it fails."""
    at = clock()
    try:
        return PollResult(at, read())
    except Failure as error:
        return PollResult(at, error)


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
