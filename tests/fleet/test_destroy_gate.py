"""The destroy gate with the real CLI: a destroy that is refused deletes nothing, whichever way it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import Project, Ran, Spec, fleet, service

pytestmark = pytest.mark.stack
ROW = service("web", volume="/data", domain=True, proxy=5432)
_SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_VOLUME = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
_SERVICE_DELETE = "mutation d($i: String!, $e: String) { serviceDelete(id: $i, environmentId: $e) }"
_VOLUME_DELETE = "mutation d($i: String!) { volumeDelete(volumeId: $i) }"
WORD = {"DATA_ON_DESTROY": "delete"}


def spec(**more: Any) -> Spec:
    return {**fleet([ROW]), "gate": True, "shared": {"WHO": "us"}, **more}


def brought_up(folder: Path, emulator: Emulator, *, stack: str = "test", **more: Any) -> Project:
    project = Project(folder, emulator.endpoint, emulator.token, stack=stack)
    project.init()
    project.describe(spec(**more))
    # With a preview: it and the update are two processes, and neither must report a name as used twice.
    project.run("up", "--stack", stack, "--yes")
    return project


def of(project: Project, kind: str) -> dict[str, Any]:
    rows = project.exported()["deployment"]["resources"]
    return dict(next(row for row in rows if row["type"].endswith(f":{kind}")))


def recorded(project: Project) -> dict[str, Any]:
    rows = project.exported()["deployment"]["resources"]
    return {row["urn"]: row.get("outputs") for row in rows}


def mutations(emulator: Emulator) -> list[str]:
    calls = emulator.calls()
    emulator.forget_calls()
    return [call["operation"] for call in calls if call["type"] == "mutation"]


def refused(project: Project, emulator: Emulator, *words: str) -> str:
    """Call destroy in each of its ways, and check that it is refused; return what the last one printed."""
    emulator.forget_calls()
    before = recorded(project)
    target = ("--target", of(project, "ServiceDomain")["urn"], "--target-dependents", "--skip-preview")
    said = ""
    for way in ((), ("--skip-preview",), target):
        ran: Ran = project.run("destroy", "--stack", project.stack, "--yes", *way, check=False)
        assert ran.code != 0, ran.text
        for word in words:
            assert word in ran.text, ran.text
        assert "Traceback" not in ran.text
        assert mutations(emulator) == [], way
        said = ran.text
    assert recorded(project) == before
    return said


def test_a_refused_destroy_deletes_nothing_whatever_the_reason_and_the_way(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = brought_up(tmp_path / "stack", emulator)
        environment = of(project, "Environment")
        where = {"projectId": environment["inputs"]["projectId"], "environmentId": environment["id"]}
        project.env = {"DATA_ON_DESTROY": ""}
        refused(project, emulator, "these volumes have data: web-volume (of web)")
        project.env = WORD
        tool = emulator.run(_SERVICE, input={**where, "name": "my-tool"})["serviceCreate"]["id"]
        emulator.run(_VOLUME, input={**where, "serviceId": tool, "mountPath": "/data"})
        refused(project, emulator, "these services: my-tool", "these volumes: my-tool-volume (of my-tool)")
        emulator.run(_SERVICE_DELETE, i=tool, e=environment["id"])
        refused(project, emulator, "these volumes: my-tool-volume (mounted nowhere)")
        world = json.loads(emulator.snapshot(environment["id"]))
        (left,) = [row["volumeId"] for row in world["volume_instance"] if not row["serviceId"]]
        emulator.run(_VOLUME_DELETE, i=left)
        project.describe(spec(protect=True))
        project.up()
        refused(project, emulator, "protect")
        project.describe(spec())
        project.up()
        project.destroy()
        assert emulator.admin("GET", "/snapshot")["projects"] == []


def test_a_stack_does_not_destroy_what_it_took_over_from_another_one(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        first = brought_up(tmp_path / "first", emulator)
        second = Project(tmp_path / "second", emulator.endpoint, emulator.token)
        second.init()
        second.describe(spec())
        said = second.preview().text
        assert said.count(" owned ") == 6, said
        second.up()
        assert of(second, "Volume")["outputs"]["owned"] is False
        foretold = second.run("destroy", "--stack", second.stack, "--preview-only", "--diff").text
        assert foretold.count("owned ") >= 6, foretold
        emulator.forget_calls()
        done = second.destroy().text
        assert mutations(emulator) == []
        for subject in ("volume web-volume (of web)", "service web", "environment test", "project fleet"):
            assert f"keeps {subject}" in done, done
        first.preview("--refresh", "--expect-no-changes")
        first.destroy()
        assert emulator.admin("GET", "/snapshot")["projects"] == []


def test_two_services_with_the_same_name_are_refused_in_the_preview(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        twice = [ROW, {**service("other"), "serviceName": "web"}]
        project.describe({**spec(), "services": twice})
        ran = project.preview(check=False)
        assert ran.code != 0
        assert "'web' is the name of two Service resources in one environment" in ran.text
        assert mutations(emulator) == []
        project.describe(spec())
        project.up()
        project.describe({**spec(), "services": twice})
        ran = project.preview(check=False)
        assert "'web' is the name of two Service resources in one environment" in ran.text
