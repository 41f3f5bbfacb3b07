"""`python -m ops VERB …`: what people and CI run. `python -m ops VERB --help` says what a verb takes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

from ops.ci import workflow

VERBS = {
    "adopt": "ops.adopt.command",
    "agents": "ops.agents.command",
    "backup": "ops.backup.command",
    "config-docs": "ops.config.command",
    "conformance": "ops.conformance.command",
    "cost": "ops.cost.command",
    "demo": "ops.demo.command",
    "deploy": "ops.ci.deploy",
    "docs": "ops.site.command",
    "doctor": "ops.doctor.command",
    "drift": "ops.ci.drift",
    "first-deploy": "ops.first_deploy.command",
    "history": "ops.history.command",
    "images": "ops.images.command",
    "keys": "ops.status.keys",
    "logs": "ops.logs.command",
    "notify": "ops.notify.command",
    "pr_stack": "ops.ci.pr_stack",
    "preview": "ops.ci.preview",
    "release": "ops.adopt.release",
    "restore": "ops.backup.restore_command",
    "retention": "ops.ci.retention",
    "rotate": "ops.rotate.command",
    "rollback": "ops.ci.rollback",
    "rollout-plan": "ops.plan.rollout_plan",
    "scale": "ops.scale.command",
    "schema-plan": "ops.plan.schema_plan",
    "status": "ops.status.command",
    "up": "ops.up.command",
}


def main(argv: Sequence[str]) -> int:
    """Run one verb; its module is imported only then."""
    verb = argv[0] if argv else ""
    if verb not in VERBS:
        problem = f"unknown verb {verb!r}" if verb else 'the verb is missing (make script RUN="VERB …")'
        sys.stderr.write(f"ops: {problem}; one of {', '.join(VERBS)}\n")
        return 2

    def run() -> int:
        module_main: Callable[[Sequence[str]], int] = importlib.import_module(VERBS[verb]).main
        return module_main(argv[1:])

    return workflow.run(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
