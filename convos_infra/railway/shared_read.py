"""A read that is made once for each picture of an environment, and that everybody who needs it shares."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

_Of = TypeVar("_Of")
_Found = TypeVar("_Found")


class SharedRead(Generic[_Of, _Found]):
    """The read that belongs to the last picture it was asked of.

    Args:
        ask: reads what belongs to a picture.
    """

    def __init__(self, ask: Callable[[_Of], _Found]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._of: _Of | None = None
        self._found: Future[_Found] = Future()

    def of(self, picture: _Of) -> _Found:
        """Return what belongs to a picture; raises what its one read has raised."""
        found, is_new = self._future(picture)
        if is_new:
            self._carry_out(picture, found)
        return found.result()

    def begin(self, picture: _Of) -> None:
        """Begin the read for those who will ask, in a thread of its own; its error is theirs to raise."""
        found, is_new = self._future(picture)
        if is_new:
            threading.Thread(target=self._carry_out, args=(picture, found), daemon=True).start()

    def _future(self, picture: _Of) -> tuple[Future[_Found], bool]:
        with self._lock:
            is_new = self._of is not picture
            if is_new:
                self._of, self._found = picture, Future()
            return self._found, is_new

    def _carry_out(self, picture: _Of, found: Future[_Found]) -> None:
        try:
            found.set_result(self._ask(picture))
        except BaseException as error:  # noqa: BLE001  # everybody who waits raises it
            found.set_exception(error)
