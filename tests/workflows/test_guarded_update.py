"""An update for one purpose refuses to bring an image along, on recorded previews."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convos_infra.errors import InfraError
from ops.guarded_update import GuardedUpdate
from ops.pulumi_cli import Pulumi

TWO_IMAGES = json.loads((Path(__file__).parent / "previews" / "two-images.json").read_text())


@pytest.mark.parametrize(("name", "key"), [("runtime", "imageTag"), ("pool", "poolImage")])
def test_an_update_that_would_bring_an_image_names_the_key_that_pins_it(
    monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    steps = [step for step in TWO_IMAGES["steps"] if step["urn"].endswith(f"registry:Image::{name}")]
    assert len(steps) == 1
    monkeypatch.setattr(Pulumi, "read", lambda *_: {**TWO_IMAGES, "steps": steps})
    with pytest.raises(InfraError, match=rf"Image {name}: .*; pin the running one \({key}\), or say WITH_IMAGE=1"):
        GuardedUpdate(Pulumi("dev"), "X", print).run()
