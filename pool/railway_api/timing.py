"""The time limits of a client."""

from __future__ import annotations

from dataclasses import dataclass, field

from railway_api.retry import Budget


@dataclass(frozen=True)
class Timing:
    """Time limits of a client, all in seconds.

    Attributes:
        connect_seconds: time limit of a TCP connection.
        query_seconds: time limit of the whole answer to a query.
        read_seconds: time limit of the whole answer to a mutation; Railway's own CLI takes 90, because duplicating an
            environment runs over 30 (railwayapp/cli src/client.rs).
        notice_seconds: how long to wait for an answer before a progress line says so.
        deadline_seconds: time limit of a whole call: tries, the pauses between them, and reads back.
        silence_seconds: how long a command keeps trying while Railway answers nothing.
        probe_seconds: time limit of a single try after that, until Railway answers again.
        settle_seconds: after a lost answer, how long to look for the created resource before it is created again: reads
            lag 1 to 30 seconds behind writes (fact: read-lag).
        stick_seconds: how long a committed change may take to show when it is read back.
        just_created_seconds: for how long after the creation of a project or an environment "Not Authorized" means that
            its contents are not visible yet (fact: new-project-lag).
        budget: retries of one call.
    """

    connect_seconds: float = 10.0
    query_seconds: float = 30.0
    read_seconds: float = 90.0
    notice_seconds: float = 10.0
    deadline_seconds: float = 180.0
    silence_seconds: float = 120.0
    probe_seconds: float = 5.0
    settle_seconds: float = 20.0
    stick_seconds: float = 30.0
    just_created_seconds: float = 15.0
    budget: Budget = field(default_factory=Budget)
