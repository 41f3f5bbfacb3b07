"""Sends notifications, within a bounded time; one that cannot be sent is a warning and fails nothing.

The URL is a secret: anyone who has it can post as this project. It is in no message, error or log.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import requests

from ops.ci import workflow
from ops.notify.notification import Kind, Notification, run_link
from railway_api.failure import Failure

VARIABLE, FORMAT = "NOTIFY_WEBHOOK_URL", "NOTIFY_FORMAT"
SECONDS = 10.0
"""The time limit of a whole notification."""
_CONNECT_SECONDS, _ANSWER_SECONDS = 4.0, 5.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GOOD = range(200, 300)


def send(told: Notification, environ: Mapping[str, str] | None = None) -> bool:
    """Send a notification where a webhook is configured; return whether it was accepted.

    Args:
        told: the notification.
        environ: the process's environment: `NOTIFY_WEBHOOK_URL`, and `NOTIFY_FORMAT` (`json` or `slack`; without it
            the format is Slack's for hooks.slack.com and JSON for every other host).
    """
    environ = os.environ if environ is None else environ
    url = environ.get(VARIABLE, "").strip()
    if not url:
        return False
    problem = _problem(url, environ.get(FORMAT, ""))
    if not problem:
        found = replace(told, link=told.link or run_link(environ), commit=told.commit or environ.get("GITHUB_SHA", ""))
        problem = _sent(url, found.slack() if _is_slack(url, environ.get(FORMAT, "")) else found.generic())
    if problem:
        workflow.warning(f"notification: not sent: {problem}")
    return not problem


@contextmanager
def failures_told(stack: str, what: str) -> Iterator[None]:
    """Notify the webhook of a failure inside the block, and let the failure pass.

    Args:
        stack: the stack's name.
        what: the act that failed, such as `deploy`.
    """
    try:
        yield
    except Failure as error:
        send(Notification(Kind.FAILURE, stack, f"{what} failed", (str(error),), is_well=False))
        raise


def _problem(url: str, form: str) -> str:
    """Return why nothing can be sent to a URL in a format; never the URL itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return f"{VARIABLE} is not a URL"
    if form not in ("", "json", "slack"):
        return f"{FORMAT} is neither json nor slack"
    if parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK):
        return "" if host else f"{VARIABLE} is not a URL"
    return f"{VARIABLE} must begin with https://"


def _is_slack(url: str, form: str) -> bool:
    return form == "slack" or (not form and urlsplit(url).hostname == "hooks.slack.com")


def _sent(url: str, document: Mapping[str, object]) -> str:
    """Post a document; return why it was not accepted, empty if it was."""
    said = [f"no answer in {SECONDS:.0f} s"]

    def post() -> None:
        try:
            with (
                requests.Session() as session,
                session.post(
                    url,
                    json=document,
                    timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                    allow_redirects=False,
                    stream=True,  # the answer's body is not read
                ) as answer,
            ):
                said[0] = "" if answer.status_code in _GOOD else f"the webhook answered {answer.status_code}"
        except (requests.RequestException, ValueError, OSError) as error:
            said[0] = type(error).__name__  # its text has the URL

    # The timeouts of a request begin anew with each byte: the thread's end is what bounds it.
    thread = threading.Thread(target=post, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return said[0]
