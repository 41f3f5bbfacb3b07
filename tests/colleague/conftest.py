"""An emulator in this process, and an environment in it as a first update leaves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from convos_infra.provider import TRACEBACK_VARIABLE
from tests.colleague.engine import Engine
from tests.colleague.inside import Inside, emulator_inside
from tests.colleague.start import Start
from tests.colleague.wanted import Wanted


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    # With this variable a provider's own errors leave it as they are, not as the one line that the CLI shows.
    with pytest.MonkeyPatch.context() as patched, emulator_inside(tmp_path_factory.mktemp("colleague")) as inside:
        patched.setenv(TRACEBACK_VARIABLE, "1")
        yield inside


@pytest.fixture(scope="module")
def start(emulator: Inside) -> Start:
    engine = Engine(emulator, config={"dataOnDestroy": Wanted().data})
    engine.update(Wanted().specs())
    return Start(emulator.documents(), engine.state, engine.needs)
