"""Several clients whose calls come one at a time, in an order that a seed decides."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convos_infra.railway.session import Session
from convos_infra.railway.snapshots import Snapshots
from railway_api.client import Client, Timing
from railway_api.transport import operation_name
from tests.emulator.fix_emulator import Emulator

TIMING = Timing(settle_seconds=0.0, stick_seconds=30.0, just_created_seconds=0.0)


class Turns:
    """Lets one thread at a time do one step: whose turn is next is decided when all of them wait for it.

    `done` is what was done, in order: by whom, which operation, of which id.
    """

    def __init__(self, seed: int, runners: int) -> None:
        self.random = random.Random(seed)
        self.done: list[tuple[int, str, str]] = []
        self._changed = threading.Condition()
        self._waiting: set[int] = set()
        self._alive = set(range(runners))
        self._next: int | None = None

    def take(self, runner: int) -> None:
        """Wait for a turn; it lasts until this runner asks for another, or ends."""
        with self._changed:
            self._waiting.add(runner)
            self._choose()
            assert self._changed.wait_for(lambda: self._next == runner, 60), "the turns are stuck"
            self._waiting.discard(runner)
            self._next = None

    def leave(self, runner: int) -> None:
        with self._changed:
            self._alive.discard(runner)
            self._choose()

    def _choose(self) -> None:
        if self._next is None and self._waiting and self._waiting == self._alive:
            self._next = self.random.choice(sorted(self._waiting))
            self._changed.notify_all()


@dataclass
class Racer:
    """One update: what it was given, what it deleted, what it said, how it ended."""

    number: int
    session: Session
    made: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    result: Any = None
    error: Exception | None = None


def racer(emulator: Emulator, turns: Turns, number: int) -> Racer:
    """Return an update with a client and a clock of its own; each of its calls and pauses is one turn."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        turns.take(number)

    said: list[str] = []
    client = Client(
        emulator.endpoint, emulator.token, timing=TIMING, sleep=sleep, clock=lambda: now[0], progress=said.append
    )
    found = Racer(number, Session(client, Snapshots(client)), said=said)
    post = client._post

    def in_turn(document: str, variables: Mapping[str, Any], subject: str) -> dict[str, Any]:
        turns.take(number)
        turns.done.append((number, operation_name(document), str(variables.get("id"))))
        answer = post(document, variables, subject)
        for operation in ("projectCreate", "environmentCreate"):
            if operation in answer:
                found.made.append(str(answer[operation]["id"]))
        if answer.get("projectDelete") or answer.get("environmentDelete"):
            found.deleted.append(str(variables["id"]))
        return answer

    client._post = in_turn  # type: ignore[method-assign]
    return found


def race(turns: Turns, racers: Sequence[Racer], run: Callable[[Racer], Any]) -> None:
    """Run all of them to their ends."""

    def to_the_end(one: Racer) -> None:
        try:
            one.result = run(one)
        except Exception as error:  # noqa: BLE001  # how it ended is what the test looks at
            one.error = error
        finally:
            turns.leave(one.number)

    threads = [threading.Thread(target=to_the_end, args=(one,)) for one in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
