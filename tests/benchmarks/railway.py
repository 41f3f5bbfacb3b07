"""The suite `railway`: calls, deployments, time and memory of Pulumi commands at an emulator with 100 ms latency."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.pulumi_cli import PARALLEL
from tests.benchmarks import large_project
from tests.benchmarks.watched import WatchedProject
from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import IMAGE, OTHER_IMAGE, Project, Ran, Spec, fleet, service

SIZES = (1, 10, 50, 200, 500)
LARGEST_LIFE = 200
"""The largest size that is measured beyond its creation."""
LIMITS = {"requests_per_second": 10, "requests_per_hour": 1000}
"""Railway's limits of the smallest paid plan."""
LATENCY_MS = 100.0


def rows(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """Yield each row as soon as it is measured."""
    with tempfile.TemporaryDirectory() as folder, running_emulator(Path(folder), deploy_step_seconds=0.3) as emulator:
        emulator.settings(latency_ms=LATENCY_MS)
        made: dict[int, float] = {}
        for size in sizes:
            yield from _of_size(Path(folder) / str(size), emulator, size, made)
        yield from _within_limits(Path(folder) / "limits", emulator)
        large_project.fill(emulator, Path(folder) / "emulator" / "state.sqlite")
        yield from _in_a_large_project(Path(folder) / "large", emulator)


def _within_limits(folder: Path, emulator: Emulator) -> Iterator[dict[str, Any]]:
    """Create fifty services with Railway's limits on."""
    project = Project(folder, emulator.endpoint, emulator.token, env=PARALLEL)
    project.init()
    project.describe(fleet([service(f"s{number}") for number in range(50)], project="bench-limits"))
    emulator.settings(**LIMITS)
    emulator.forget_calls()
    yield _row("create-limited", 50, project.up(), emulator.calls())
    emulator.settings(**dict.fromkeys(LIMITS, 0))
    project.destroy()


def _in_a_large_project(folder: Path, emulator: Emulator) -> Iterator[dict[str, Any]]:
    """Preview, create, refresh and destroy a stack of one service in a project whose lists all have several pages."""
    project = Project(folder, emulator.endpoint, emulator.token, env=PARALLEL)
    project.init()
    project.describe(fleet([service("mine")], project=large_project.NAME))
    runs = (project.preview, project.up, lambda: project.refresh("--expect-no-changes"), project.destroy)
    for name, run in zip(("preview", "up", "refresh", "destroy"), runs, strict=True):
        emulator.forget_calls()
        ran = run()
        calls = emulator.calls()
        pages = sum(call["fields"] in (["project"], ["environment"]) for call in calls)
        yield {**_row(f"large-{name}", large_project.SERVICES, ran, calls), "pages": pages}


@dataclass
class _Floor:
    """The same commands for as many trivial resources: two per service, and the project, environment and deployment."""

    project: WatchedProject
    size: int

    def of(self, run: Callable[[], Ran]) -> dict[str, float]:
        """Run a command; return its seconds, and the CPU seconds of its program."""
        ran = run()
        return {"floor": round(ran.seconds, 2), "floor_cpu": round(self.project.watch.program_seconds, 2)}

    def declare(self, image: str) -> None:
        """Write the program's inputs."""
        (self.project.program / "__main__.py").write_text("from tests.benchmarks.trivial import main\n\nmain()\n")
        (self.project.program / "count").write_text(str(2 * self.size + 3))
        (self.project.program / "image").write_text(image)


def _floor(folder: Path, emulator: Emulator, size: int) -> _Floor:
    project = WatchedProject(folder, emulator.endpoint, emulator.token, env=PARALLEL)
    floor = _Floor(project, size)
    floor.declare(IMAGE)
    project.init()
    return floor


def _of_size(folder: Path, emulator: Emulator, size: int, made: dict[int, float]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a stack of this size, from its creation to its destroy; a command runs right after the floor's.

    Args:
        folder: the folder of both projects.
        emulator: the running emulator.
        size: how many services the stack has.
        made: the peak memory of each creation in MiB, by size; this one is added.
    """
    floor = _floor(folder / "floor", emulator, size)
    project = WatchedProject(folder / "stack", emulator.endpoint, emulator.token, env=PARALLEL)
    project.init()
    services = [service(f"s{number}") for number in range(size)]
    empty = fleet([], project=f"bench-{size}")
    full = {**empty, "services": services}
    project.describe(empty)
    project.up()

    def measured(
        case: str, run: Callable[[], Ran], spec: Spec | None = None, beside: dict[str, float] | None = None
    ) -> dict[str, Any]:
        if spec is not None:
            project.describe(spec)
        emulator.forget_calls()
        ran = run()
        row = _row(case, size, ran, emulator.calls())
        row["peak_mib"] = round(project.watch.peak_mib, 1)
        if beside is not None:
            row |= {**beside, "program_cpu": round(project.watch.program_seconds, 2)}
        return row

    created = measured("create", project.up, full, floor.of(floor.project.up))
    made[size] = created["peak_mib"]
    yield {**created, "of_50": round(made[size] / made[50], 2) if size > 50 and 50 in made else ""}
    if size > LARGEST_LIFE:
        return
    quiet = "--expect-no-changes"
    beside = floor.of(lambda: floor.project.preview(quiet))
    yield measured("noop-preview", lambda: project.preview(quiet), None, beside)
    yield measured("noop-up", lambda: project.up(quiet), None, floor.of(lambda: floor.project.up(quiet)))
    yield measured("refresh", lambda: project.refresh(quiet), None, floor.of(floor.project.refresh))
    floor.declare(OTHER_IMAGE)
    others = [{**one, "image": OTHER_IMAGE} for one in services]
    yield measured("all-images", project.up, {**full, "services": others}, floor.of(floor.project.up))
    image = [{**services[0], "image": IMAGE}, *others[1:]]
    yield measured("image-change", project.up, {**full, "services": image})
    changed = {name: f"{value}!" for name, value in services[0]["variables"].items()}
    yield measured(
        "variables-change", project.up, {**full, "services": [{**image[0], "variables": changed}, *image[1:]]}
    )
    yield measured("destroy", project.destroy, None, floor.of(floor.project.destroy))


def _row(case: str, size: int, ran: Ran, calls: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "suite": "railway",
        "case": case,
        "size": size,
        "calls": len(calls),
        "mutations": sum(call["type"] == "mutation" for call in calls),
        "deployments": sum(len(call["deployments"]) for call in calls),
        "seconds": round(ran.seconds, 2),
        "peak_mib": round(ran.peak_mib, 1),
        "polls": sum(call["operation"] == "deployment" for call in calls),
        "read_kb": round(sum(call["bytes"] for call in calls) / 1024, 1),
        "printed_kb": round(len(ran.text) / 1024, 1),
        "refused": sum(call["error"] == "429" for call in calls),
        "load": round(os.getloadavg()[0], 1),
    }
