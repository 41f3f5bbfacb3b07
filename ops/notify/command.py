"""Sends a trial message to the webhook: `make notify STACK=…`.

python -m ops notify --stack STACK; NOTIFY_WEBHOOK_URL is the webhook, NOTIFY_FORMAT the format (json or slack).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from convos_infra.errors import InfraError
from ops import stacks
from ops.ci import workflow
from ops.notify.notification import Kind, Notification
from ops.notify.webhook import VARIABLE, send
from ops.stack_command import stack_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Send it, and print whether it was accepted."""
    stack = stacks.checked(stack_parser("notify", __doc__).parse_args(argv).stack)
    if not os.environ.get(VARIABLE):
        raise InfraError(VARIABLE, "is not set", "set it to the URL of a webhook, such as Slack's incoming webhooks")
    if not send(Notification(Kind.TRIAL, stack, "this is a trial: messages of deploys and of drift come here")):
        return 1
    sys.stdout.write("sent\n")
    return 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))
