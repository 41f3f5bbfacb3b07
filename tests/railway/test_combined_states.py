"""Several things at once, as people do them: status, refresh, preview and update agree; what was ours comes back."""

from __future__ import annotations

import pytest

from tests.railway import scene_changes
from tests.railway.scene import Scene
from tests.railway.scene_changes import OTHER
from tests.railway.small_stack import SmallStack, environment_as_wanted, scene_of
from tests.railway.states import Says, State
from tests.railway.test_status_says import SAYS, look, report_of

_STAGE = """mutation s($e: String!, $i: EnvironmentConfig!) {
  environmentStageChanges(environmentId: $e, input: $i) { id }
}"""
_DOMAIN = "mutation c($i: ServiceDomainCreateInput!) { serviceDomainCreate(input: $i) { id } }"


def removed_then_failed(scene: Scene) -> None:
    """Somebody removed what ran, and their next deployment failed."""
    scene_changes.removed(scene)
    scene.deploy()
    scene.newest("FAILED")


def another_image_failed(scene: Scene) -> None:
    """Somebody tried another image, whose deployment failed: ours still serves."""
    before = scene.deployments()[-1]
    scene.patch({"source": {"image": OTHER}})
    scene.newest("FAILED")
    scene.mark(before, "SUCCESS")


def another_value_unhealthy(scene: Scene) -> None:
    """Somebody set another value, and the new deployment never got healthy: the one before it serves."""
    before = scene.deployments()[-1]
    scene.set(scene.variable, "theirs")
    scene.newest("FAILED")
    scene.mark(before, "SUCCESS")


def detached_and_crashed(scene: Scene) -> None:
    """Somebody detached the volume, and the service crashed without it."""
    scene_changes.volume_detached(scene)
    scene.deploy()
    scene.newest("CRASHED")


def domain_made_anew(scene: Scene) -> None:
    """Somebody removed the domain and had Railway generate another one."""
    scene_changes.domain_gone(scene)
    scene.run(_DOMAIN, i={"environmentId": scene.environment_id, "serviceId": scene.service_id})


def unsealed(scene: Scene) -> None:
    """Somebody removed the sealed variable and set a plain one of its name."""
    scene.set("SEALED", None)
    scene.set("SEALED", "theirs")


def renamed_and_crashed(scene: Scene) -> None:
    """The service crashed, and somebody gave it another name."""
    scene.newest("CRASHED")
    scene_changes.renamed(scene)


def pending_and_crashed(scene: Scene) -> None:
    """Somebody deleted the volume, and the service crashed."""
    scene_changes.volume_pending(scene)
    scene.newest("CRASHED")


def environment_renamed_and_removed(scene: Scene) -> None:
    """Somebody gave the environment another name, and removed the deployment."""
    scene_changes.removed(scene)
    scene_changes.environment_renamed(scene)


def staged(scene: Scene) -> None:
    """Somebody has changes in the dashboard that they did not commit."""
    patch = {"services": {scene.service_id: {"variables": {scene.variable: {"value": "theirs"}}}}}
    scene.run(_STAGE, e=scene.environment_id, i=patch)


def sleeping_and_stored(scene: Scene) -> None:
    """The service sleeps, and somebody stored another start command."""
    scene.newest("SLEEPING")
    scene.patch({"deploy": {"startCommand": "theirs"}}, stored_only=True)


def another_image_under_way(scene: Scene) -> None:
    """Somebody is deploying another image at this moment, and it is not done when the update comes."""
    before = scene.deployments()[-1]
    scene.patch({"source": {"image": OTHER}})
    scene.newest("DEPLOYING")
    scene.mark(before, "SUCCESS")


def beside_crashed_and_renamed(scene: Scene) -> None:
    """The service that this one refers to crashed, and has another name."""
    scene_changes.beside_renamed(scene)
    scene.mark(scene.deployments("renamed-by-them")[-1], "CRASHED")


def failed_twice(scene: Scene) -> None:
    """Two deployments after ours failed, one after the other."""
    before = scene.deployments()[-1]
    for _ in range(2):
        scene.deploy()
        scene.newest("FAILED")
    scene.mark(before, "SUCCESS")


def proxy_and_domain_gone(scene: Scene) -> None:
    """Somebody removed both ways in."""
    scene_changes.proxy_gone(scene)
    scene_changes.domain_gone(scene)


def moved_and_stored(scene: Scene) -> None:
    """Somebody mounted the volume elsewhere, and stored a variable of their own."""
    scene_changes.volume_moved(scene)
    scene.set("THEIRS", "1", stored_only=True)


def limited(scene: Scene) -> None:
    """Somebody limited the service, and lets it sleep; the stack says nothing of either."""
    scene.patch({"deploy": {"limitOverride": {"containers": {"cpu": 1}}, "sleepApplication": True}})


COMBINED = (
    State("removed, then failed", removed_then_failed, Says.DEAD, deployments=1),
    State("another image failed", another_image_failed, Says.DRIFT, deployments=1),
    State("another value never got healthy", another_value_unhealthy, Says.DRIFT, deployments=1),
    State("detached and crashed", detached_and_crashed, Says.DEAD, deployments=1),
    State("domain made anew", domain_made_anew, Says.DRIFT, deployments=1),
    State("unsealed", unsealed, Says.DRIFT, deployments=1),
    State("limits and sleep set by others", limited, Says.INFORMATION, drift=False),
    State("renamed and crashed", renamed_and_crashed, Says.DEAD, deployments=1),
    State("volume pending deletion, and crashed", pending_and_crashed, Says.DEAD, refused="Volume"),
    State("environment renamed, deployment removed", environment_renamed_and_removed, Says.DEAD, deployments=1),
    State("staged by others", staged, Says.FINE, drift=False),
    State("sleeping, a start command stored", sleeping_and_stored, Says.DRIFT),
    State("another image under way", another_image_under_way, Says.DRIFT, deployments=1),
    State("the one beside crashed and renamed", beside_crashed_and_renamed, Says.DEAD, deployments=1),
    State("failed twice", failed_twice, Says.DRIFT, deployments=1),
    State("proxy and domain gone", proxy_and_domain_gone, Says.DRIFT, deployments=1),
    State("volume elsewhere, and theirs stored", moved_and_stored, Says.DRIFT, deployments=1),
)


@pytest.mark.parametrize("state", [pytest.param(state, id=state.name) for state in COMBINED])
def test_every_view_of_a_combined_state_agrees_with_the_others(stack: SmallStack, state: State) -> None:
    runs, scene = stack.runs, scene_of(stack)
    wanted = environment_as_wanted(scene)
    state.make(scene)
    _, shown, findings = look(stack)
    assert SAYS[max((one.severity for one in findings), default=None)] is state.says, findings
    assert report_of(shown, findings).is_fine is (state.says in (Says.FINE, Says.INFORMATION))
    runs.mutations()
    assert bool(stack.refresh()) is state.drift
    steps = stack.preview()
    assert runs.mutations() == []
    if state.refused:
        assert [step.name for step in steps if step.op == "refuse"] == [state.refused.lower()]
        return
    assert sum(step.deployments for step in steps) == state.deployments, steps
    done = stack.up()
    assert runs.deployments() == state.deployments, done
    after = environment_as_wanted(scene_of(stack))
    for name in ("db", "web"):
        after[name]["variables"].pop("THEIRS", None)
        for theirs in ("limitOverride", "sleepApplication"):
            (after[name]["deploy"] or {}).pop(theirs, None)
    assert {name: after[name] for name in wanted} == wanted
    _, shown, findings = look(stack)
    assert report_of(shown, findings).is_fine, findings
    assert stack.preview() == []
    assert stack.refresh() == []
    assert runs.mutations() == []
