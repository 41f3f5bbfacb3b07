"""Messages that make a real PostgreSQL fail with a given SQLSTATE.

A proxy sends one instead of a client's statement, so that the session is in the state that a real failure leaves.
"""

from __future__ import annotations

RAISED = {
    "53100": "could not extend file: No space left on device",
    "40001": "could not serialize access due to concurrent update",
    "40P01": "deadlock detected",
    "25006": "cannot execute INSERT in a read-only transaction",
}
SENT = {
    "57014": "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)",
    "57P01": "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)",
}
CODES = (*RAISED, *SENT)
"""In order: a full disk, a serialization failure, a deadlock, a server that became a standby, a cancelled statement, a
server that shuts down."""


def is_statement(data: bytes) -> bool:
    """Tell whether a client's message is a statement: it begins with a Query or a Parse."""
    return data[:1] in (b"Q", b"P")


def refused(code: str) -> bytes:
    """Return the Query message that the server answers with this SQLSTATE."""
    says = RAISED.get(code)
    text = SENT[code] if says is None else f"DO $$ BEGIN RAISE EXCEPTION '{says}' USING ERRCODE = '{code}'; END $$"
    body = text.encode() + b"\0"
    return b"Q" + (len(body) + 4).to_bytes(4, "big") + body
