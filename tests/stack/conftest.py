"""One local stack for the tests of this folder; each leaves its config as it found it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.stack.fix_stack import LocalStack, local_stack
from tests.stack.incident_page import IncidentPage


@pytest.fixture(scope="session")
def brought_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("stack")
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The folder above is the run's, for all workers: a second stack on two cores makes both slow, and tests of
        # one file meet each other's leftovers.
        (tmp_path_factory.getbasetemp().parent / "one-stack-a-run").touch(exist_ok=False)
    with local_stack(folder) as stack:
        yield stack


@pytest.fixture
def stack(brought_up: LocalStack) -> Iterator[LocalStack]:
    """The stack; a test's changes of its config are undone, and applied where they were applied."""
    config = brought_up.checkout / "Pulumi.local.yaml"
    before, state = config.read_text(), brought_up.state()
    yield brought_up
    changed = brought_up.state() != state
    config.write_text(before)
    if changed:
        done = brought_up.up()
        assert done.code == 0, done.text


@pytest.fixture
def page(stack: LocalStack, record_property: Callable[[str, object], None]) -> IncidentPage:
    return IncidentPage(stack, record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the minutes and the commands of each incident that was played."""
    reports = [one for one in terminalreporter.stats.get("passed", []) if one.when == "call"]
    for title, seconds, commands in [
        value for one in reports for name, value in one.user_properties if name == "incident"
    ]:
        terminalreporter.write_line(f"{title}: {seconds / 60:.1f} min, {len(commands)} commands")
        for command in commands:
            terminalreporter.write_line(f"    {command}")
