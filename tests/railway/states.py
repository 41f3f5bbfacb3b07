"""States that an environment can be in, each made by hand in the emulator, and what every view of it has to say.

The table is for whoever looks at an environment: `pulumi refresh`, the preview after it, the update after that, and
`make status`. A state is made in a `Scene`: an environment of any stack with one service that the state is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.railway import scene_changes
from tests.railway.scene import Scene


class Says(StrEnum):
    """What a look at the environment as a whole must come to."""

    FINE = "fine"
    """Everything runs as the last update left it."""
    INFORMATION = "information"
    """So it does, and there is something of others beside it."""
    DRIFT = "drift"
    """Something is stored, or runs, otherwise than the last update left it."""
    DEAD = "dead"
    """Something does not run at all, or its data is about to be deleted."""


@dataclass(frozen=True)
class State:
    """One state of an environment.

    Attributes:
        name: what is the matter, in words.
        make: makes it, in an environment as the last update left it.
        says: what `make status` must come to.
        drift: whether a refresh shows something.
        deployments: how many the next preview announces and the next update makes, after a refresh.
        refused: the kind of the resource by which that preview refuses to go on.
        before_up: what happens between that preview and the update.
        needs: what a stack must have for it: volume, proxy, domain, beside, sealed, shared, replicas.
    """

    name: str
    make: Callable[[Scene], None]
    says: Says
    drift: bool = True
    deployments: int = 0
    refused: str = ""
    before_up: Callable[[Scene], None] | None = None
    needs: frozenset[str] = frozenset()


_VOLUME, _PROXY, _DOMAIN = frozenset({"volume"}), frozenset({"proxy"}), frozenset({"domain"})
_BESIDE = frozenset({"beside"})
STATES = (
    State("as the last update left it", scene_changes.nothing, Says.FINE, drift=False),
    State("deployed again by others", lambda scene: scene.deploy(), Says.FINE, drift=False),
    State("sleeping", lambda scene: scene.newest("SLEEPING"), Says.FINE, drift=False),
    State("skipped, the one before runs", scene_changes.skipped, Says.FINE, drift=False),
    State("skipped, nothing runs", lambda scene: scene.newest("SKIPPED"), Says.DEAD, deployments=1),
    State("crashed", lambda scene: scene.newest("CRASHED"), Says.DEAD, deployments=1),
    State("failed, the one before runs", scene_changes.failed, Says.DRIFT, deployments=1),
    State("failed, nothing runs", lambda scene: scene.newest("FAILED"), Says.DEAD, deployments=1),
    State("exited with 0", lambda scene: scene.complete(scene.deployments()[-1]), Says.DEAD, deployments=1),
    State("failed, the one before exited with 0", scene_changes.failed_after_an_end, Says.DEAD, deployments=1),
    State("skipped, the one before exited with 0", scene_changes.skipped_after_an_end, Says.DEAD, deployments=1),
    State("removed", scene_changes.removed, Says.DEAD, deployments=1),
    State("never deployed", scene_changes.never_deployed, Says.DEAD, deployments=1),
    State("still under way", scene_changes.under_way, Says.DRIFT, before_up=scene_changes.finished),
    State("an old image runs", scene_changes.other_image_runs, Says.DRIFT, deployments=1),
    State("an old value runs", scene_changes.old_snapshot, Says.DRIFT, deployments=1),
    State("ours stored only", lambda scene: scene.set(scene.variable, "theirs", stored_only=True), Says.DRIFT),
    State(
        "another image stored only",
        lambda scene: scene.patch({"source": {"image": scene_changes.OTHER}}, stored_only=True),
        Says.DRIFT,
    ),
    State("ours removed, stored only", lambda scene: scene.set(scene.variable, None, stored_only=True), Says.DRIFT),
    State("theirs stored only", lambda scene: scene.set("THEIRS", "1", stored_only=True), Says.INFORMATION),
    State("ours and theirs stored only", scene_changes.stored_by_both, Says.DRIFT),
    State("crashed, and stored only", scene_changes.crashed_and_stored, Says.DEAD, deployments=1),
    State("ours changed", lambda scene: scene.set(scene.variable, "theirs"), Says.DRIFT, deployments=1),
    State("ours removed", lambda scene: scene.set(scene.variable, None), Says.DRIFT, deployments=1),
    State("theirs added", lambda scene: scene.set("THEIRS", "1"), Says.INFORMATION),
    State(
        "another image deployed",
        lambda scene: scene.patch({"source": {"image": scene_changes.OTHER}}),
        Says.DRIFT,
        deployments=1,
    ),
    State(
        "another start command",
        lambda scene: scene.patch({"deploy": {"startCommand": "theirs"}}),
        Says.DRIFT,
        deployments=1,
    ),
    State(
        "a sealed value replaced", scene_changes.sealed_replaced, Says.FINE, drift=False, needs=frozenset({"sealed"})
    ),
    State("scaled by others", scene_changes.scaled, Says.DRIFT, needs=frozenset({"beside", "replicas"})),
    State("a shared variable changed", scene_changes.shared_changed, Says.DRIFT, needs=frozenset({"shared"})),
    State("renamed", scene_changes.renamed, Says.DRIFT),
    State("the service it refers to renamed", scene_changes.beside_renamed, Says.DRIFT, needs=_BESIDE),
    State("deployed with an empty reference", scene_changes.reference_empty, Says.DRIFT, deployments=1, needs=_BESIDE),
    State(
        "deployed with an empty reference, name given back",
        scene_changes.reference_empty_name_back,
        Says.DRIFT,
        deployments=1,
        needs=_BESIDE,
    ),
    State("environment renamed", scene_changes.environment_renamed, Says.DRIFT),
    State("volume pending deletion", scene_changes.volume_pending, Says.DEAD, refused="Volume", needs=_VOLUME),
    State("volume gone", scene_changes.volume_purged, Says.DRIFT, deployments=1, needs=_VOLUME),
    State("volume detached", scene_changes.volume_detached, Says.DRIFT, deployments=1, needs=_VOLUME),
    State("volume mounted elsewhere", scene_changes.volume_moved, Says.DRIFT, deployments=1, needs=_VOLUME),
    State("proxy gone", scene_changes.proxy_gone, Says.DRIFT, deployments=1, needs=_PROXY),
    State("domain gone", scene_changes.domain_gone, Says.DRIFT, deployments=1, needs=_DOMAIN),
    State("service gone", scene_changes.service_gone, Says.DEAD, deployments=1),
    State(
        "service instance gone",
        lambda scene: scene.patch({"isDeleted": True}),
        Says.DEAD,
        deployments=1,
    ),
    State("environment gone", scene_changes.environment_gone, Says.DEAD, deployments=2),
    State("a stranger's service", scene_changes.stranger_service, Says.INFORMATION, drift=False),
    State("a stranger's service that crashed", scene_changes.stranger_crashed, Says.INFORMATION, drift=False),
    State("a stranger's volume", scene_changes.stranger_volume, Says.INFORMATION, drift=False),
    State("a stranger's bucket", scene_changes.stranger_bucket, Says.INFORMATION, drift=False),
)
