"""One poll for all deployments that this process waits for.

Each wait is a separate resource and blocks a thread of its own, but all share one query to Railway. It needs no thread:
the first wait that finds the last round too old asks for all, and the others use the answer.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convos_infra.railway.deployment import DeploymentState, parsed
from railway_api import documents
from railway_api.errors import NotAuthorized, NotFound, Opaque, RailwayError

if TYPE_CHECKING:
    from railway_api.client import Client

MOST_IN_ONE_QUERY = 100

Found = Mapping[str, "DeploymentState | RailwayError"]


class Poll:
    """The rounds of one client.

    Args:
        client: asks Railway.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._registering = threading.Lock()
        self._watched: Counter[str] = Counter()
        self._asking = threading.Lock()
        self._found: dict[str, DeploymentState | RailwayError] = {}
        self._asked_at: float | None = None

    @contextmanager
    def watching(self, deployment_id: str) -> Iterator[None]:
        """Include a deployment in every round until the block ends."""
        with self._registering:
            self._watched[deployment_id] += 1
        try:
            yield
        finally:
            with self._registering:
                self._watched[deployment_id] -= 1
                if not self._watched[deployment_id]:
                    del self._watched[deployment_id]

    def states(self, interval: float, *, subject: str) -> Found:
        """Return the result of the last round by id; ask again if it is `interval` seconds old.

        A deployment that was added after the last round is in the next one.

        Args:
            interval: seconds.
            subject: what is waited for, for the error's first word.

        Raises:
            RailwayError: the round failed. For a single deployment that does not exist, the error is in the result
                instead of its state.
        """
        with self._asking:
            if self._asked_at is None or self._client.clock() - self._asked_at >= interval:
                with self._registering:
                    ids = sorted(self._watched)
                self._asked_at = self._client.clock()
                found: dict[str, DeploymentState | RailwayError] = {}
                for start in range(0, len(ids), MOST_IN_ONE_QUERY):
                    found |= self._ask(ids[start : start + MOST_IN_ONE_QUERY], subject)
                self._found = found
            return self._found

    def _ask(self, ids: Sequence[str], subject: str) -> dict[str, DeploymentState | RailwayError]:
        variables = {f"d{index}": id_ for index, id_ in enumerate(ids)}
        try:
            data = self._client.query(documents.deployments(len(ids)), variables, subject=subject)
        except (NotFound, NotAuthorized, Opaque) as error:
            if len(ids) == 1:
                return {ids[0]: error}
            # A deleted one makes the whole answer fail (`deployment` is not nullable): find out which one it is.
            return {id_: found for one in ids for id_, found in self._ask([one], subject).items()}
        rows = {id_: parsed(data.get(f"d{index}")) for index, id_ in enumerate(ids)}
        return {id_: state for id_, state in rows.items() if state is not None}
