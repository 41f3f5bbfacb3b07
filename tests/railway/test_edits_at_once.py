"""Seeded edits of ten services at once: the deployments that the checks announce are those that are made.

`GROUP_EDITS=50` is the long run; a seed that fails is given again as `GROUP_EDITS_SEED`.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from tests.colleague.inside import Inside, emulator_inside
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, Props
from tests.railway.ten_services import BAD, NAMES, Runs, at_once, configured, ten_services

EDITS = int(os.environ.get("GROUP_EDITS", "6"))
SEED = int(os.environ.get("GROUP_EDITS_SEED", "20"))
SETTINGS: dict[str, list[Any]] = {
    "startCommand": [None, "node a.js", "node b.js"],
    "healthcheckPath": [None, "/healthz"],
    "sleepApplication": [None, True],
    "multiRegionConfig": [{"us-west2": {"numReplicas": 1.0}}, {"us-west2": {"numReplicas": 2.0}}],
    "image": [IMAGE, OTHER_IMAGE],
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with emulator_inside(tmp_path_factory.mktemp("edits")) as emulator:
        yield emulator


@pytest.fixture
def runs(emulator: Inside) -> Runs:
    return ten_services(emulator, in_a_fork=True)


def edited(rng: random.Random, inputs: Props) -> Props:
    """Return a service's inputs with up to two things changed."""
    changed = {**inputs, "variables": dict(inputs["variables"])}
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        name = rng.choice([*SETTINGS, "variables", "variables"])
        if name == "variables":
            changed["variables"][f"V{rng.randrange(3)}"] = str(rng.randrange(100))
        else:
            changed[name] = rng.choice(SETTINGS[name])
    return {name: value for name, value in changed.items() if value is not None}


def test_announced_deployments_are_the_made_ones(runs: Runs) -> None:
    rng = random.Random(SEED)
    inputs = {name: runs.inputs(name) for name in NAMES}
    assert runs.change(inputs) == {}
    deployed, patches = runs.deployments(), 0
    for number in range(EDITS):
        inputs = {name: edited(rng, mine) for name, mine in inputs.items()}
        assert runs.change(inputs) == {}
        now = runs.deployments()
        made = Counter({name: now[name] - deployed[name] for name in NAMES})
        assert made == runs.promised, f"GROUP_EDITS_SEED={SEED}, edit {number}"
        deployed = now
        patches += sum(count for name, count in runs.calls.items() if name.startswith("environmentPatch"))
    assert runs.change(inputs) == {}
    assert runs.deployments() == deployed
    assert runs.calls == {}
    print(f"{EDITS} edits: {deployed.total()} deployments, as announced, by {patches} patches")


@pytest.mark.parametrize("seed", range(max(1, EDITS // 10)))
def test_one_bad_service_among_ten_is_named_and_the_other_nine_are_deployed(runs: Runs, seed: int) -> None:
    rng = random.Random(seed)
    assert runs.up(NAMES) == {}
    bad = rng.choice(NAMES)
    session, begun = runs.session(), dict[str, Callable[[], Any]]()
    for name in rng.sample(NAMES, len(NAMES)):
        begun[name] = runs.begun(session, name, {**runs.inputs(name), "image": OTHER_IMAGE})
    old, provider = runs.state[bad], configured(ServiceInstanceProvider, session)
    news = {**old.inputs, "variables": {**old.inputs["variables"], **BAD}, "deploys": "x (change 9)"}
    news["change"] = {"number": 9, "deployments": 1, "because": ["x"]}
    begun[bad] = lambda: provider.updated(old.id, old.outputs, news)
    wrong = at_once(begun)
    assert list(wrong) == [bad]
    assert str(wrong[bad]).startswith(f"{bad}: Railway says ")
    assert runs.deployments() == {name: 1 if name == bad else 2 for name in NAMES}
