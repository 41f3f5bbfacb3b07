"""`python -m tests.upgrade.record VERSION`: write a state as the code of a release writes it; once a release."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.emulator.fix_emulator import running_emulator
from tests.fleet.project import Project
from tests.upgrade import world


def main(version: str) -> None:
    """Bring the fleet up and keep its state, and what Railway chose in it by role."""
    target = Path(__file__).parent / "data" / version
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_emulator(Path(folder)) as emulator:
        project = Project(Path(folder), emulator.endpoint, emulator.token)
        project.init()
        project.describe(world.recorded_spec())
        project.up()
        state = project.exported()
        for row in state["deployment"]["resources"]:
            for name in ("sourcePosition", "stackTrace"):
                row.pop(name, None)  # names folders of the machine that ran it; nothing depends on it
        ids = {row["type"].rpartition(":")[2]: row.get("id", "") for row in state["deployment"]["resources"]}
        found = world.roles(emulator, ids["Project"], ids["Environment"], ids["Service"], ids["Volume"])
    (target / "stack.json").write_text(json.dumps(state, indent=1) + "\n")
    (target / "roles.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
