"""What Pulumi keeps of each provider in a state: a reference by name, and never more."""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
from pathlib import Path

import dill
import pytest
from pulumi.dynamic.dynamic import serialize_provider

import convos_infra
from convos_infra.provider import Provider

RECORDED: dict[str, str] = json.loads((Path(__file__).parent / "data" / "0.1" / "pickles.json").read_text())
LONGEST = 100


def leaves(kind: type[Provider]) -> list[type[Provider]]:
    """Return the providers that resources use."""
    below = [one for one in kind.__subclasses__() if one.__module__.startswith("convos_infra.")]
    return [leaf for one in below for leaf in leaves(one)] if below else [kind]


def all_providers() -> dict[str, type[Provider]]:
    for module in pkgutil.walk_packages(convos_infra.__path__, "convos_infra."):
        importlib.import_module(module.name)
    return {f"{kind.__module__}.{kind.__qualname__}": kind for kind in leaves(Provider)}


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_provider_pickles_are_the_recorded_bytes_and_short(name: str) -> None:
    kind = all_providers()[name]
    written = serialize_provider(kind())
    assert written == RECORDED[name]
    size = len(base64.b64decode(written))
    assert size <= LONGEST, f"{name}: {size} bytes"


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_recorded_pickle_still_loads_as_its_provider(name: str) -> None:
    loaded = dill.loads(base64.b64decode(RECORDED[name]))
    assert type(loaded) is all_providers()[name]


def test_every_provider_is_recorded() -> None:
    assert sorted(all_providers()) == sorted(RECORDED), "record a new provider; never move or rename an old one"
