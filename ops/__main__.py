"""`python -m ops VERB …`: what people and CI run. `python -m ops VERB --help` says what a verb takes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

from ops.ci import workflow

VERBS = {
    "adopt": "ops.adopt.command",
    "agents": "ops.status.agents",
    "config-docs": "ops.config.command",
    "conformance": "ops.conformance.command",
    "demo": "ops.demo.command",
    "deploy": "ops.ci.deploy",
    "drift": "ops.ci.drift",
    "keys": "ops.status.keys",
    "pr_stack": "ops.ci.pr_stack",
    "preview": "ops.ci.preview",
    "release": "ops.adopt.release",
    "retention": "ops.ci.retention",
    "rollback": "ops.ci.rollback",
    "rollout-plan": "ops.plan.rollout_plan",
    "schema-plan": "ops.plan.schema_plan",
    "status": "ops.status.command",
}


def main(argv: Sequence[str]) -> int:
    """Run one verb; its module is imported only then."""
    verb = argv[0] if argv else ""
    if verb not in VERBS:
        sys.stderr.write(f"ops: unknown verb {verb!r}; one of {', '.join(VERBS)}\n")
        return 2
    run: Callable[[Sequence[str]], int] = importlib.import_module(VERBS[verb]).main
    return workflow.run(lambda: run(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
