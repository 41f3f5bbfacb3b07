"""A registry of one's own, as the tests of tests/registry have it; and a stack that is up, whose state may be lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adopt.live import Checkout, configure
from tests.colleague.inside import Inside, emulator_inside
from tests.emulator.fix_emulator import running_emulator
from tests.registry.conftest import Registry, registry
from tests.registry.pushing import REVISION, Repository
from tests.stack.fix_stack import copied

__all__ = ["registry"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[Checkout]:
    """A checkout whose stack `first` is up."""
    folder = tmp_path_factory.mktemp("adopt")
    runtime, pool = Repository(registry.host, "adopt/runtime"), Repository(registry.host, "adopt/pool")
    runtime.image("scaling", labels={REVISION: "1" * 40})
    pool.image("v1")
    with running_emulator(folder) as emulator:
        checkout = Checkout(copied(folder / "convos infra"), emulator)
        configure(checkout, "first", runtime, pool)
        done = checkout.up("first")
        assert done.code == 0, done.text
        yield checkout


@pytest.fixture(scope="session")
def emulator_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """One emulator for all tests, as its schema takes longer than an environment; databases are simulated."""
    with emulator_inside(tmp_path_factory.mktemp("live")) as emulator:
        emulator.world.deployments._postgres.takes = lambda _: False  # type: ignore[method-assign]
        yield emulator


@pytest.fixture
def emulator(emulator_of_all: Inside) -> Inside:
    """The emulator without anything on it."""
    emulator_of_all.restore({})
    return emulator_of_all
