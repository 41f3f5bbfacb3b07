"""Pulumi's part in it: preview, update, refresh and destroy of a stack, a resource after the other, in one state.

As the engine does: a preview knows an output of what it will make or change only where an input says it; what is
replaced takes what hangs on it along; a step that fails ends the run, and the state keeps what was done before.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pulumi.dynamic import CheckFailure, DiffResult
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.railway.session import RailwayProvider, Session
from railway_api.failure import Failure
from tests.colleague.inside import ADDRESS, Inside
from tests.colleague.wanted import Spec
from tests.railway.fix_resources import Made, Props


class Op(Enum):
    """What is done with a resource."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One resource in a preview.

    Attributes:
        op: what will be done.
        before: the resource in the state; None if there is none.
        inputs: what the check made of the new inputs; empty for a deletion.
    """

    op: Op
    before: Made | None
    inputs: Props


class Invalid(Exception):
    """A check found the inputs wrong."""

    def __init__(self, key: str, failures: Sequence[CheckFailure]) -> None:
        self.key = key
        self.failures = failures
        super().__init__(f"{key}: {'; '.join(f'{row.property}: {row.reason}' for row in failures)}")


@dataclass
class Engine:
    """A stack's state, and the runs over it.

    Attributes:
        emulator: where Railway is.
        state: what is written down, in the order in which it was made.
        needs: what each resource in the state was made after.
        said: the progress lines of the last run.
        config: the stack's config, as the last update had it.
    """

    emulator: Inside
    state: dict[str, Made] = field(default_factory=dict)
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    config: Mapping[str, str] = field(default_factory=dict)

    def preview(self, specs: Sequence[Spec]) -> dict[str, Step]:
        """Return what an update would do.

        Raises:
            Failure, Invalid: the preview fails.
        """
        self.said.clear()
        run = _Run(self.emulator.session(self.said.append), self.config)
        steps: dict[str, Step] = {}

        def view(key: str, name: str) -> Any:
            step = steps.get(key)
            if step is None:
                return None
            if name == "id":
                return step.before.id if step.before is not None and step.op in (Op.SAME, Op.UPDATE) else UNKNOWN
            known = step.before.outputs if step.op is Op.SAME and step.before is not None else step.inputs
            return known.get(name, UNKNOWN)

        for spec in specs:
            old = self.state.get(spec.key)
            inputs = run.checked(spec, old, spec.inputs(view))
            steps[spec.key] = Step(_op(old, run, inputs), old, inputs)
        for key in self.state:
            if key not in steps:
                steps[key] = Step(Op.DELETE, self.state[key], {})
        return steps

    def update(self, specs: Sequence[Spec]) -> None:
        """Carry it out; the state is written after each resource.

        Raises:
            Failure, Invalid: a step failed.
        """
        self.said.clear()
        run = _Run(self.emulator.session(self.said.append), self.config)

        def view(key: str, name: str) -> Any:
            made = self.state.get(key)
            return None if made is None else made.id if name == "id" else made.outputs.get(name)

        for spec in specs:
            inputs = run.checked(spec, self.state.get(spec.key), spec.inputs(view))
            self._carry_out(run, spec, inputs, specs)
            self.needs[spec.key] = spec.needs
        wanted = {spec.key for spec in specs}
        self._delete(run, [key for key in self.state if key not in wanted])

    def refresh(self) -> None:
        """Read everything; what is gone leaves the state.

        Raises:
            Failure: something could not be read.
        """
        self.said.clear()
        run = _Run(self.emulator.session(self.said.append), self.config)
        for key, made in list(self.state.items()):
            found = run.provider(made.provider).read(made.id, copy.deepcopy(made.outputs))
            if found.id:
                inputs = made.inputs if found.inputs is None else dict(found.inputs)
                self.state[key] = Made(made.provider, found.id, dict(found.outs or {}), inputs)
            else:
                self._forget(key)

    def destroy(self) -> None:
        """Delete everything, what hangs on others first.

        Raises:
            Failure: a deletion failed or was refused.
        """
        self.said.clear()
        self._delete(_Run(self.emulator.session(self.said.append), self.config), list(self.state))

    def _carry_out(self, run: _Run, spec: Spec, inputs: Props, specs: Sequence[Spec]) -> None:
        old = self.state.get(spec.key)
        op = _op(old, run, inputs)
        if op is Op.REPLACE:
            self._delete(run, [*self._hanging_on(spec.key, specs), spec.key])
            op = Op.CREATE
        if op is Op.CREATE:
            made = run.provider(spec.kind).create(copy.deepcopy(inputs))
            self.state[spec.key] = Made(spec.kind, made.id, dict(made.outs or {}), inputs)
        elif old is not None and op is Op.UPDATE:
            changed = run.provider(spec.kind).update(old.id, copy.deepcopy(old.outputs), copy.deepcopy(inputs))
            self.state[spec.key] = Made(spec.kind, old.id, dict(changed.outs or {}), inputs)
        elif old is not None:
            self.state[spec.key] = Made(spec.kind, old.id, old.outputs, inputs)

    def _hanging_on(self, key: str, specs: Sequence[Spec]) -> list[str]:
        """Name what is in the state and goes along when `key` is deleted before it is replaced."""
        gone = {key}
        for spec in specs:
            if gone & set(spec.needs):
                gone.add(spec.key)
        return [name for name in self.state if name in gone - {key}]

    def _delete(self, run: _Run, keys: Sequence[str]) -> None:
        left = [key for key in keys if key in self.state]
        while left:
            ends = [key for key in left if not any(key in self.needs.get(other, ()) for other in left)]
            key = (ends or left)[-1]
            made = self.state[key]
            run.provider(made.provider).delete(made.id, copy.deepcopy(made.outputs))
            self._forget(key)
            left.remove(key)

    def _forget(self, key: str) -> None:
        del self.state[key]
        self.needs.pop(key, None)


class _Run:
    """One provider process."""

    def __init__(self, session: Session, config: Mapping[str, str]) -> None:
        self._session = session
        self._config = config

    def provider(self, kind: type[RailwayProvider]) -> RailwayProvider:
        """Return a configured provider."""
        made = kind()
        made._config = {**self._config, "railwayEndpoint": ADDRESS, "railwayToken": "given"}  # type: ignore[assignment]
        made.session = lambda: self._session  # type: ignore[method-assign]
        return made

    def checked(self, spec: Spec, old: Made | None, news: Props) -> Props:
        """Check inputs and return them with what the check adds."""
        olds = copy.deepcopy(old.inputs) if old is not None else {}
        known = {key: value for key, value in news.items() if value is not None}
        found = self.provider(spec.kind).check(olds, copy.deepcopy(known))
        if found.failures:
            raise Invalid(spec.key, found.failures)
        return {key: value for key, value in found.inputs.items() if value is not None}


def _op(old: Made | None, run: _Run, inputs: Props) -> Op:
    if old is None:
        return Op.CREATE
    found: DiffResult = run.provider(old.provider).diff(old.id, copy.deepcopy(old.outputs), copy.deepcopy(inputs))
    if found.replaces:
        return Op.REPLACE
    return Op.UPDATE if found.changes else Op.SAME


REFUSALS: tuple[type[Exception], ...] = (Failure, Invalid)
Preview = Mapping[str, Step]
