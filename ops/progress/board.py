"""The update as one line for each service and each other part: what happens to it, since when, how it ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from ops.plan.resource_kinds import IMAGE, INSTANCE, ROLLOUT, SCHEMA, SERVICE, WAIT
from ops.plan.things import kind_in_words
from ops.progress.build_progress import BuildProgress
from ops.progress.records import BUILD, Moment

if TYPE_CHECKING:
    from ops.plan.preview_steps import PreviewStep
    from ops.progress.records import BuildEvent, ErrorEvent, StepEvent, WaitEvent

_DOES: Mapping[str, str] = {
    SERVICE: "service",
    INSTANCE: "configuration",
    WAIT: "deployment",
    SCHEMA: "migrations",
    ROLLOUT: "rollout",
    BUILD: "is built and pushed",
    IMAGE: "is recorded",
}
_WHOLE = frozenset({BUILD, IMAGE})
"""The complete texts for these types, which replace Pulumi's name of the operation."""


class LineState(Enum):
    """The state of a line; the value is its symbol where there are no colours."""

    WAITS = " "
    RUNS = ">"
    DONE = "+"
    FAILED = "-"


@dataclass(frozen=True)
class BoardLine:
    """One line.

    Attributes:
        name: the service's name, or another subject.
        text: its progress.
        state: its state.
        began: when it began, on a monotonic clock in seconds.
        ended: when it ended; None while it runs.
        under_way: the addresses of its steps that run.
        is_told: whether its provider has reported progress.
    """

    name: str
    text: str = "waits for its turn"
    state: LineState = LineState.WAITS
    began: float = 0.0
    ended: float | None = None
    under_way: frozenset[str] = field(default=frozenset(), repr=False)
    is_told: bool = False

    def seconds(self, now: float) -> float | None:
        """Return how long it took so far; None before it began."""
        if self.state is LineState.WAITS:
            return None
        return (now if self.ended is None else self.ended) - self.began


@dataclass(frozen=True)
class Board:
    """All lines, by name, those that began first at the top.

    Attributes:
        lines: by name.
        names: of the line of each step, by its address.
        builds: how far each build of an image is, by its address.
    """

    lines: Mapping[str, BoardLine] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    builds: Mapping[str, BuildProgress] = field(default_factory=dict)

    def step(self, event: StepEvent, now: float) -> Board:
        """Return the board after a step began or ended."""
        step = event.step
        does = _DOES.get(step.kind) or kind_in_words(step.kind)
        if not does:
            return self
        name = line_name(step)
        line = self.lines.get(name, BoardLine(name))
        if event.moment is Moment.BEGAN:
            began = line.began if line.under_way else now
            under_way = line.under_way | {step.urn}
            text = does if step.kind in _WHOLE else f"{does}: {step.op}"
            runs = BoardLine(name, text, LineState.RUNS, began, under_way=under_way)
            return replace(self._with(runs), names={**self.names, step.urn: name})
        under_way = line.under_way - {step.urn}
        if event.moment is Moment.FAILED:
            return self._with(replace(line, state=LineState.FAILED, ended=now, under_way=under_way))
        if under_way or line.state is LineState.FAILED:
            return self._with(replace(line, under_way=under_way))
        text = _DOES[BUILD] if step.kind == BUILD else line.text
        return self._with(replace(line, text=text, state=LineState.DONE, ended=now, under_way=under_way))

    def wait(self, event: WaitEvent) -> Board:
        """Return the board after a provider reported the progress of a wait."""
        line = self.lines.get(event.subject)
        return self if line is None else self._with(replace(line, text=event.said, is_told=True))

    def build(self, event: BuildEvent) -> Board:
        """Return the board after BuildKit said how far a build is."""
        line = self.lines.get(self.names.get(event.urn, ""))
        if line is None or event.urn not in line.under_way:
            return self
        now = self.builds.get(event.urn, BuildProgress()).after(event.line)
        told = replace(line, text=now.said or line.text)
        return replace(self._with(told), builds={**self.builds, event.urn: now})

    def error(self, event: ErrorEvent) -> Board:
        """Return the board after the error of a step; its provider's own text is shorter, and is kept."""
        line = self.lines.get(self.names.get(event.urn, ""))
        return self if line is None or line.is_told else self._with(replace(line, text=event.why))

    def _with(self, line: BoardLine) -> Board:
        return replace(self, lines={**self.lines, line.name: line})


def announced(names: Mapping[str, int]) -> Board:
    """Return the board before anything happens: a line for each service that is to be deployed.

    Args:
        names: how many deployments each service makes, by its name.
    """
    return Board({name: BoardLine(name) for name, deployments in names.items() if deployments})


def line_name(step: PreviewStep) -> str:
    """Return the name of a step's line: its service's name, or `schema`, `agents` or `image …`."""
    if step.kind == SCHEMA:
        return "schema"
    if step.kind == ROLLOUT:
        return "agents"
    return f"image {step.name.removesuffix('-build')}" if step.kind in _WHOLE else step.called()
