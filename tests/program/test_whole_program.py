"""The whole program, declared with Pulumi's mocks: no service and no volume is left out of the gate of a destroy."""

from __future__ import annotations

import pytest

from components.runtime_image import Found, ImageSource
from stack import resources, settings
from tests.program.fix_program import Engine, declared

FOUND = Found("ghcr.io/example/runtime", "dev", "sha256:" + "a" * 64, "f" * 40, "2026-11-26T00:00:00Z", is_pinned=False)
CONFIG = {"poolImage": "ghcr.io/example/pool:dev", "railwayToken": "t"}


@pytest.fixture(scope="module", params=[{}, {"databaseUrl": "postgresql://u:p@db.example/d"}], ids=["own", "given"])
def made(request: pytest.FixtureRequest) -> Engine:
    chosen = settings.read("dev", {**CONFIG, **request.param}, {})
    image = ImageSource(found=FOUND)
    return declared(lambda: resources.declare(chosen, image, image))


def test_the_gate_of_a_destroy_knows_every_service_and_every_volume(made: Engine) -> None:
    gate = made.one("DestroyGate")
    for kind, recorded in (("Service", "services"), ("Volume", "volumes")):
        names = sorted(row.name for row in made.rows if row.kind == kind)
        assert sorted(str(row["name"]) for row in gate.inputs.get(recorded, [])) == names, recorded


def test_the_gate_of_a_destroy_is_deleted_before_everything_else(made: Engine) -> None:
    gate = made.one("DestroyGate")
    # A migration does nothing outside of the state, and a component is what is below it.
    others = {
        row.urn
        for row in made.rows
        if row.kind not in ("DestroyGate", "Migration") and not row.types[-1].startswith("convos:index:")
    }
    assert len(others) > 10
    assert {urn.rpartition("::")[2] for urn in others - gate.depends_on} == set()


def test_the_volumes_of_further_databases_count_in_the_warning_of_a_pool_that_is_too_large(
    caplog: pytest.LogCaptureFixture,
) -> None:
    further = {"databases": {"cache": {"image": "redis:7", "mountPath": "/data"}}}
    for more, warned in (({}, []), (further, ["poolMinIdle: 18 warm agents, a rollout and the stack need 21 volumes"])):
        caplog.clear()
        chosen = settings.read("dev", {**CONFIG, "poolMinIdle": "18", **more}, {})
        declared(lambda chosen=chosen: resources.declare(chosen, ImageSource(found=FOUND), ImageSource(found=FOUND)))
        assert [line.partition(", of which")[0] for line in caplog.messages if "poolMinIdle" in line] == warned
