"""References with the real CLI: if a colleague renames the service that they name, no empty value is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import Project, Spec, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
URL = "postgresql://u:${{SECRET_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:5432/db"
RENAME = "mutation r($id: String!, $name: String!) { serviceUpdate(id: $id, input: {name: $name}) { id } }"
DEPLOY = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"
LATEST = """
query q($s: String!, $e: String!) { serviceInstance(serviceId: $s, environmentId: $e) { latestDeployment { id } } }"""
RUNNING = "query q($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }"


def described() -> Spec:
    """Return two services; the first one refers to the second."""
    manager = service("manager", variables=1)
    manager["variables"] |= {"DATABASE_URL": "${{postgres.DATABASE_URL}}", "KEY": "${{shared.KEY}}"}
    manager["variables"] |= {"AT": "https://${{postgres.RAILWAY_PUBLIC_DOMAIN}}:${{postgres.RAILWAY_TCP_PROXY_PORT}}"}
    postgres = service("postgres", variables=1, domain=True, proxy=5432, volume="/data")
    postgres["variables"] |= {"DATABASE_URL": URL, "SECRET_PASSWORD": "s3cret"}
    return {**fleet([manager, postgres]), "shared": {"KEY": "k"}}


def ids(project: Project) -> dict[str, str]:
    rows = project.exported()["deployment"]["resources"]
    found = {row["outputs"]["name"]: row["id"] for row in rows if row["type"].endswith(":Service")}
    return {**found, "environment": next(row["id"] for row in rows if row["type"].endswith(":Environment"))}


def running(emulator: Emulator, at: dict[str, str]) -> dict[str, str]:
    latest = emulator.run(LATEST, s=at["manager"], e=at["environment"])["serviceInstance"]["latestDeployment"]
    variables: dict[str, str] = emulator.run(RUNNING, id=latest["id"])["deploymentSnapshot"]["variables"]
    return variables


def changed(spec: Spec, value: str) -> Spec:
    manager, *others = spec["services"]
    return {**spec, "services": [{**manager, "variables": {**manager["variables"], "V0": value}}, *others]}


def cost(emulator: Emulator) -> tuple[int, int]:
    calls = emulator.calls()
    emulator.forget_calls()
    return sum(call["type"] == "mutation" for call in calls), sum(len(call["deployments"]) for call in calls)


def test_a_rename_by_a_colleague_deploys_no_empty_value_and_one_deployment_repairs_an_empty_one(
    tmp_path: Path,
) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        spec = described()
        project.describe(spec)
        project.preview()
        project.up()
        at = ids(project)
        first = running(emulator, at)
        assert first["DATABASE_URL"].startswith("postgresql://u:s3cret@postgres.")
        assert first["KEY"] == "k"
        assert not first["AT"].endswith(":")
        emulator.forget_calls()
        project.preview("--expect-no-changes")
        assert emulator.calls() == []
        project.refresh("--expect-no-changes")
        assert len(emulator.calls()) <= 3

        emulator.run(RENAME, id=at["postgres"], name="main-db")
        emulator.forget_calls()
        project.preview("--expect-no-changes")
        assert emulator.calls() == []
        project.describe(changed(spec, "unrelated"))
        refused = project.preview(check=False)
        assert refused.code != 0
        assert "manager: DATABASE_URL refers to ${{postgres.DATABASE_URL}}, but no service of this environment" in (
            " ".join(refused.text.split())
        )
        assert "Traceback" not in refused.text
        assert "s3cret" not in refused.text
        assert project.up(check=False).code != 0
        assert cost(emulator) == (0, 0)
        assert running(emulator, at) == first

        _repaired(project, emulator, at, spec)


def _repaired(project: Project, emulator: Emulator, at: dict[str, str], spec: Spec) -> None:
    """Deploy the empty value and undo the rename: the empty value still runs, and one deployment repairs it."""
    emulator.run(DEPLOY, s=at["manager"], e=at["environment"])
    emulator.run(RENAME, id=at["postgres"], name="postgres")
    assert running(emulator, at)["DATABASE_URL"] == ""
    project.describe(spec)
    project.refresh()
    preview = project.preview().text
    assert preview.count("1 deployment: AT, DATABASE_URL (stored, not running)") == 1, preview
    emulator.forget_calls()
    project.up()
    assert cost(emulator) == (1, 1)
    assert running(emulator, at)["DATABASE_URL"].startswith("postgresql://u:s3cret@")
    project.refresh("--expect-no-changes")
    emulator.forget_calls()
    project.preview("--expect-no-changes")
    assert emulator.calls() == []


def test_after_a_refresh_an_update_undoes_the_rename_without_a_deployment(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        project.describe(described())
        project.up()
        at = ids(project)
        first = running(emulator, at)
        emulator.run(RENAME, id=at["postgres"], name="main-db")
        project.refresh()
        preview: Any = project.preview().text
        assert '"main-db" => "postgres"' in preview
        assert " 1 deployment" not in preview
        emulator.forget_calls()
        project.up()
        assert cost(emulator) == (1, 0)
        assert running(emulator, at) == first
        project.refresh("--expect-no-changes")
        project.preview("--expect-no-changes")
        project.destroy()


def test_three_new_services_that_refer_to_each_other_in_a_circle_are_deployed_with_values(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        rows = [service(name, variables=1) for name in ("manager", "b", "c")]
        for row, other in zip(rows, ("b", "c", "manager"), strict=True):
            row["variables"] |= {"OTHER": f"${{{{{other}.V0}}}}", "SECRET_OTHER": f"<${{{{{other}.V0}}}}>"}
        project.describe(fleet(rows))
        project.preview()
        emulator.forget_calls()
        project.up()
        made = sum(len(call["deployments"]) for call in emulator.calls())
        assert made == len(rows)
        found = running(emulator, ids(project))
        assert (found["OTHER"], found["SECRET_OTHER"]) == ("value 0", "<value 0>")
        project.refresh("--expect-no-changes")
        project.preview("--expect-no-changes")


def test_a_reference_to_no_service_is_refused_before_its_own_service_is_deployed(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        manager = service("manager", variables=1)
        manager["variables"]["URL"] = "${{postgre.DATABASE_URL}}"
        project.describe(fleet([manager, described()["services"][1]]))
        ran = project.up(check=False)
        assert ran.code != 0
        assert "manager: URL refers to ${{postgre.DATABASE_URL}}, but no service of this environment is named" in (
            " ".join(ran.text.split())
        )
        assert "(postgres?)" in ran.text
        assert not [
            row for row in emulator.calls() if any(_of(emulator, id_) == "manager" for id_ in row["deployments"])
        ]
        manager["variables"]["URL"] = "${{postgres.DATABASE_URL}}"
        project.describe(fleet([manager, described()["services"][1]]))
        project.preview()
        project.up()
        assert running(emulator, ids(project))["URL"].startswith("postgresql://u:s3cret@")


def _of(emulator: Emulator, deployment: str) -> str:
    document = "query q($id: String!) { deployment(id: $id) { service { name } } }"
    return str(emulator.run(document, id=deployment)["deployment"]["service"]["name"])
