"""emulator/README.md names what there is."""

from __future__ import annotations

import json
import re
from dataclasses import fields

from emulator.faults import KINDS
from emulator.settings import Settings
from tests.emulator.fix_emulator import ROOT, Emulator

README = (ROOT / "emulator/README.md").read_text()


def names_in_tables(heading: str) -> set[str]:
    section = README.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_readme_lists_exactly_the_settings_that_there_are() -> None:
    assert names_in_tables("Settings") == {field.name for field in fields(Settings)}


def test_the_readme_lists_exactly_the_faults_that_there_are() -> None:
    assert names_in_tables("Faults") == set(KINDS)


def test_every_default_in_the_readme_is_the_real_one() -> None:
    cells = [line.split("|") for line in README.splitlines() if line.startswith("| `") and line.count("|") == 4]
    told = {
        name: cell[2].strip().strip("`")
        for cell in cells
        for name in re.findall(r"`([^`]+)`", cell[1])
        if name in {field.name for field in fields(Settings)}
    }
    assert told
    for name, text in told.items():
        real = getattr(Settings(), name)
        assert (text if isinstance(real, str) else json.loads(text)) == real, name


def test_every_path_in_the_readme_answers(emulator: Emulator) -> None:
    paths = set(re.findall(r"`(/_emulator/[a-z_]+)", README)) - {"/_emulator/faults"}
    written = {"/_emulator/deployments", "/_emulator/volume_instances"}
    assert len(paths) == 6
    assert written < paths
    for path in paths - written:
        assert emulator.session.get(f"{emulator.base}{path}", timeout=10).status_code == 200, path
    for path in written:
        # Refused for what it says, so it is there.
        headers = {"Authorization": f"Bearer {emulator.token}"}
        answer = emulator.session.post(f"{emulator.base}{path}", json={}, headers=headers, timeout=10)
        assert answer.status_code == 400, path
