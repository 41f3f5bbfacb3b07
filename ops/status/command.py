"""One page about a stack as it is now: `make status STACK=… [JSON=1]`.

python -m ops status --stack STACK [--json]; exit code 0 where all is well, 3 where something is otherwise than the last
update left it or could not be read (its row says what), 1 where there is no such stack or Pulumi does not answer.
`ops/run status --stack STACK` is the same with the checkout's Pulumi on PATH. GNU make knows no code but 0 and 2: it
ends with 2 and prints `Error 3`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from ops import stacks
from ops.ci import workflow
from ops.stack_command import add_json, stack_parser
from ops.status.reading import read
from ops.status.rows import rows
from ops.status.terminal import has_colours, lines

NOT_FINE = 3
"""The exit code where something is not as it should be, or could not be read."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page."""
    parser = stack_parser("status", __doc__)
    add_json(parser)
    chosen = parser.parse_args(argv)
    report = read(stacks.checked(chosen.stack), os.environ)
    if chosen.json:
        text = json.dumps(report.document(), indent=2)
    else:
        colours = has_colours(os.environ, is_terminal=sys.stdout.isatty())
        text = "\n".join(lines(rows(report), colours=colours))
    sys.stdout.write(f"{text}\n")
    return 0 if report.is_fine else NOT_FINE


if __name__ == "__main__":
    sys.exit(workflow.run(main))
