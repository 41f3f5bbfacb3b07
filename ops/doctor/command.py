"""Checks everything that a stack depends on: `make doctor STACK=…`.

python -m ops doctor --stack STACK [--json]; read-only. It asks about Pulumi's backend, the passphrase, the keys, the
tokens (kind and reach), the registry, the environment, the volumes, the database and the pool manager. Exit code 3 if
one is wrong.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from ops import stacks
from ops.ci import workflow
from ops.doctor.check import Diagnosis, lines
from ops.doctor.questions import checks
from ops.stack_command import add_json, stack_parser

NOT_WELL = 3
"""The exit code if an answer is wrong."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answers."""
    parser = stack_parser("doctor", __doc__)
    add_json(parser)
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack)
    found = list(checks(stack, os.environ))
    document = {"stack": stack, "checks": [one.document() for one in found]}
    sys.stdout.write(f"{json.dumps(document, indent=2) if chosen.json else chr(10).join(lines(found))}\n")
    return 0 if all(one.diagnosis is not Diagnosis.WRONG for one in found) else NOT_WELL


if __name__ == "__main__":
    sys.exit(workflow.run(main))
