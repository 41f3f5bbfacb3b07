"""`Starter`: starts the services of one checkout, writes each down, and waits until it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ops.local import ports, process
from ops.local.services import LocalService, Services, save
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from ops.local.layout import Layout
    from ops.toolchain.console import Step

PORT_ATTEMPTS = 3
READY_SECONDS = 60.0
"""The slowest measured is dockerd's first start, 3 s; a busy two-core machine may need many times that."""


@dataclass
class Starter:
    """Starts services of one checkout, and writes each down before it waits for it.

    Args:
        layout: the checkout.
        services: what runs so far; replaced at each change.
        step: where progress is told.
    """

    layout: Layout
    services: Services
    step: Step

    def port(self, name: str, preferred: int) -> int:
        """Return the port that a service had before, as the stack's image references name it; else a free one."""
        before = self.services.by_name.get(name)
        others = {service.port for service in self.services.by_name.values() if service.name != name}
        return ports.choose(before.port if before and before.port else preferred, others)

    def note(self, service: LocalService) -> None:
        """Write a service down."""
        self.services = self.services.with_service(service)
        save(self.layout, self.services)

    def remember(self, name: str, text: str) -> None:
        """Write a small fact down."""
        self.services = self.services.with_note(name, text)
        save(self.layout, self.services)

    def kept(self, name: str, ready: Callable[[LocalService], bool]) -> LocalService | None:
        """Return a service that was started before and answers; say so when it was started and is gone."""
        before = self.services.by_name.get(name)
        if before is None:
            # One that runs although no file names it any more would keep its locks and sockets from the next one.
            self.clear(name)
            return None
        if before.way == "daemon":
            return None
        if before.is_alive() and process.wait_for(lambda: ready(before), 5.0):
            return before
        self.step.note(f"{name} was not running any more; starting it again (its log: {self.log(name)})")
        self.clear(name)
        return None

    def clear(self, name: str) -> None:
        """Stop what is left of a service, its children too: they hold its ports, its locks and its sockets."""
        before = self.services.by_name.get(name)
        if before is not None and before.process is not None:
            process.stop(before.process)
        process.stop(*process.marked(process.mark_of(self.layout.root, name)), seconds=5.0)

    def run(
        self,
        service: LocalService,
        argv: Sequence[str],
        ready: Callable[[LocalService], bool],
        env: Mapping[str, str] | None = None,
    ) -> LocalService:
        """Start a service's process and wait until it answers.

        Raises:
            ToolError: it ended, or did not answer in time; the line has its last words and its log.
        """
        log = self.log(service.name)
        self.step.doing(f"starting {service.name}")
        mark = process.mark_of(self.layout.root, service.name)
        started = process.start(argv, log=log, mark=mark, cwd=self.layout.checkout, env=env or {})
        service = replace(service, process=started)
        self.note(service)
        self.step.doing(f"waiting for {service.name}")
        process.wait_for(lambda: ready(service) or not service.is_alive(), READY_SECONDS)
        if not service.is_alive():
            raise ToolError(service.name, f"it ended at once: {_last_words(log)}", f"its log is {log}")
        if not ready(service):
            process.stop(started)
            raise ToolError(
                service.name, f"no answer in {READY_SECONDS:.0f} s: {_last_words(log)}", f"its log is {log}"
            )
        return service

    def run_on_port(self, name: str, preferred: int, start: Callable[[int], LocalService]) -> LocalService:
        """Start a service on a free port; on another one where somebody was quicker to take it.

        Raises:
            ToolError: it did not start, for another reason or again and again.
        """
        for _ in range(PORT_ATTEMPTS - 1):
            port = self.port(name, preferred)
            try:
                return start(port)
            except ToolError:
                if ports.is_free(port):
                    raise
                self.step.note(f"{name}: somebody else took port {port} meanwhile; trying another")
        return start(self.port(name, preferred))

    def log(self, name: str) -> Path:
        """Return where a service's output goes."""
        return self.layout.logs / f"{name}.log"


def _last_words(log: Path) -> str:
    """Return the last line of a log that says anything."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "it printed nothing"
    return lines[-1][:300] if lines else "it printed nothing"
