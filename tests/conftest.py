"""How tests are spread over workers, Hypothesis without its clocks, and the last line: what did not run, and why.

A file stays together, and so do all that share one local stack, which start first: they take half of the time that all
take, and what is started last is what the other worker waits for. On a busy machine the first text alone takes 2 s to
draw: Hypothesis would call that a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from convos_infra.explanations import explanations
from tests import left_out
from tests.acceptance import known_faults
from tests.support import interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

ONE_STACK = "tests/stack/"

settings.register_profile("no-clocks", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clocks")


class FileScheduling(LoadScopeScheduling):
    """One unit of work a file; the files of `tests/stack` are one unit, as they share a local stack.

    Not `--dist loadgroup`: pytest-xdist 3.8 writes the group into `Item._nodeid`, which pytest 9.2 does not read any
    more, so every test went to any worker.
    """

    def _split_scope(self, nodeid: str) -> str:
        return ONE_STACK if nodeid.startswith(ONE_STACK) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    return FileScheduling(config, log)


@pytest.fixture(autouse=True)
def one_run() -> None:
    """Let each test be a run of its own, as each run of Pulumi is a process: nothing was explained to its user yet."""
    explanations.cache_clear()


def pytest_configure(config: pytest.Config) -> None:
    interrupts.heed()
    for name, fault in known_faults.FAULTS.items():
        config.addinivalue_line("markers", f"{name}: {fault.was}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark the tests of each known fault by its name (`pytest -m S7`), and order all.

    The order is made last, after pytest-randomly's; xdist keeps it by `--no-loadscope-reorder`.
    """
    for item in items:
        for name in known_faults.names_of(item.nodeid):
            item.add_marker(name)
    left_out.leave_out(config, items)
    yield
    items.sort(key=lambda item: not item.nodeid.startswith(ONE_STACK))


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[left_out.OUTPUT] = sorted(session.config.stash.get(left_out.COMMANDS, set()))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    commands = getattr(node, "workeroutput", {}).get(left_out.OUTPUT, ())
    node.config.stash.setdefault(left_out.COMMANDS, set()).update(commands)


def pytest_unconfigure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    skipped = left_out.reasons(reporter.stats.get("skipped", ()))
    if line := left_out.last_line(skipped, config.stash.get(left_out.COMMANDS, set())):
        reporter.write_line(line)
