"""What a preview announces is what an update does: seeded edits, counted by the emulator."""

from __future__ import annotations

import random
from typing import Any

import pytest

from convos_infra.railway.change import announced, is_announced
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, Place, Props

SEED = 20
EDITS = 50
CHOICES: dict[str, list[Any]] = {
    "image": [IMAGE, OTHER_IMAGE],
    "startCommand": [None, "node a.js", "node b.js"],
    "preDeployCommand": [None, ["node migrate.js"]],
    "healthcheckPath": [None, "/healthz", "/ready"],
    "healthcheckTimeout": [None, 60, 300],
    "restartPolicyType": [None, "ALWAYS", "ON_FAILURE"],
    "restartPolicyMaxRetries": [None, 3, 10],
    "sleepApplication": [None, True, False],
    "overlapSeconds": [None, 5],
    "drainingSeconds": [None, 0, 30],
    "multiRegionConfig": [{"us-west2": {"numReplicas": 1}}, {"us-west2": {"numReplicas": 2}}],
}


def edited(rng: random.Random, props: Props) -> Props:
    """Change one to three things: a setting, or a variable that is set, changed or removed."""
    result = {**props, "variables": dict(props["variables"])}
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.5:
            name = rng.choice(sorted(CHOICES))
            value = rng.choice(CHOICES[name])
            result.pop(name, None)
            if value is not None:
                result[name] = value
        else:
            name = f"V{rng.randrange(6)}"
            if not result["variables"].pop(name, None) or rng.random() < 0.7:
                result["variables"][name] = str(rng.randrange(100))
    return result


def promised(before: Props, after: Props) -> tuple[int, int]:
    """Return the mutations and deployments that a preview promises."""
    return int(is_announced(before, after)), announced(before, after)


@pytest.mark.parametrize("seed", range(SEED, SEED + 2))
def test_what_the_preview_announced_is_what_the_update_did(at: Place, seed: int) -> None:
    rng = random.Random(seed)
    runs = at.runs
    wanted: Props = {**at.at, "image": IMAGE, "variables": {"V0": "0"}, "unmanagedVariables": "keep"}
    made = runs.create(ServiceInstanceProvider, wanted)
    kinds = set()
    for number in range(EDITS):
        wanted = edited(rng, wanted)
        inputs = runs.checked(ServiceInstanceProvider, wanted, made.inputs)
        promise = promised(made.inputs, inputs)
        runs.emulator.forget_calls()
        made = runs.update(made, wanted)
        calls = runs.emulator.calls()
        did = (
            sum(call["type"] == "mutation" for call in calls),
            sum(len(call["deployments"]) for call in calls),
        )
        assert did == promise, f"seed {seed}, edit {number}: {inputs.get('deploys')} did {did}"
        kinds.add(promise)
        runs.emulator.forget_calls()
        assert not runs.differs(made, wanted), f"seed {seed}, edit {number}: the second preview is not empty"
        runs.update(made, wanted)
        assert runs.emulator.calls() == []
    assert kinds >= {(1, 1), (1, 0), (0, 0)}
