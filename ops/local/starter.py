"""`Starter`: starts the services of one checkout, records each, and waits until it answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ops.local import cut_off, mounts, ports, process
from ops.local.services import LocalService, Services, save
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from ops.local.layout import Layout
    from ops.toolchain.console import Step

PORT_ATTEMPTS = 3
READY_SECONDS = 60.0
"""The slowest start measured is dockerd's first, 3 s; a busy two-core machine may need many times that."""

CACHES = frozenset({"docker", "buildkit"})
"""The services whose data, in the folder of their name, is only a cache."""


class EndedError(ToolError):
    """A service ended before it answered, as it does if a file of its data is damaged."""


@dataclass
class Starter:
    """Starts services of one checkout, and records each before it waits for it.

    Args:
        layout: the checkout.
        services: the running services so far; replaced at each change.
        step: receives progress.
    """

    layout: Layout
    services: Services
    step: Step

    def port(self, name: str, preferred: int) -> int:
        """Return the port that a service had before, as the stack's image references name it; otherwise a free one."""
        before = self.services.by_name.get(name)
        others = {service.port for service in self.services.by_name.values() if service.name != name}
        return ports.choose(before.port if before and before.port else preferred, others)

    def note(self, service: LocalService) -> None:
        """Record a service."""
        self.services = self.services.with_service(service)
        save(self.layout, self.services)

    def remember(self, name: str, text: str) -> None:
        """Record a small fact."""
        self.services = self.services.with_note(name, text)
        save(self.layout, self.services)

    def kept(self, name: str, ready: Callable[[LocalService], bool]) -> LocalService | None:
        """Return a service that was started before and answers; print a line if it was started and is gone."""
        before = self.services.by_name.get(name)
        if before is None:
            # If the record of it is lost, it may still run, and hold the locks and sockets that the next one needs.
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
        """Stop what is left of a service and its children, which hold its ports, locks and sockets."""
        before = self.services.by_name.get(name)
        if before is not None and before.process is not None:
            process.stop(before.process)
        process.stop(*process.marked(process.mark_of(self.layout.root, name)), seconds=5.0)

    def start_afresh(self, name: str) -> None:
        """Stop a service of our own and remove its cache, if it has one.

        Args:
            name: the service; one that somebody else runs is left unchanged.
        """
        service = self.services.by_name.get(name)
        if service is None or service.way == "daemon":
            return
        self.clear(name)
        if name in CACHES:
            data = self.layout.root / name
            mounts.unmount_below(data)
            shutil.rmtree(data, ignore_errors=True)

    def run(
        self,
        service: LocalService,
        argv: Sequence[str],
        ready: Callable[[LocalService], bool],
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> LocalService:
        """Start a service's process and wait until it answers.

        Args:
            service: the service, without its process.
            argv: the program and its arguments.
            ready: tells whether it answers.
            env: variables on top of this process's own.
            seconds: how long it may take; None for `READY_SECONDS`.

        Raises:
            EndedError: it ended.
            ToolError: it did not answer in time; the line has its last output and the path of its log.
        """
        seconds = READY_SECONDS if seconds is None else seconds
        log = self.log(service.name)
        self.step.doing(f"starting {service.name}")
        mark = process.mark_of(self.layout.root, service.name)
        started = process.start(argv, log=log, mark=mark, cwd=self.layout.checkout, env=env or {})
        service = replace(service, process=started)
        self.note(service)
        self.step.doing(f"waiting for {service.name}")
        process.wait_for(lambda: ready(service) or not service.is_alive(), seconds)
        if not service.is_alive():
            raise EndedError(service.name, f"it ended at once: {_last_words(log)}", f"its log is {log}")
        if not ready(service):
            process.stop(started)
            raise ToolError(service.name, f"no answer in {seconds:.0f} s: {_last_words(log)}", f"its log is {log}")
        return service

    def run_on_cache(
        self, service: LocalService, argv: Sequence[str], ready: Callable[[LocalService], bool], data: Path
    ) -> LocalService:
        """Start a service whose data is a cache; without the data if a file was cut off or the service ends at once.

        Args:
            service: the service, without its process.
            argv: the program and its arguments.
            ready: tells whether it answers.
            data: its folder, which a crash or a full disk may have damaged.

        Raises:
            ToolError: it did not start without the data either; the data is put back.
        """
        had_data = data.exists()
        self.clear(service.name)
        mounts.unmount_below(data)
        if damaged := cut_off.first(data):
            problem = f"{service.name}: {damaged.relative_to(data)} was cut off"
        else:
            try:
                return self.run(service, argv, ready)
            except EndedError as error:
                if not had_data:
                    raise
                problem = str(error)
            self.clear(service.name)
            mounts.unmount_below(data)
        aside = data.with_name(f"{data.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        data.rename(aside)
        self.step.note(f"{problem}; starting it with an empty cache")
        try:
            started = self.run(service, argv, ready)
        except ToolError:
            self.clear(service.name)
            mounts.unmount_below(data)
            shutil.rmtree(data, ignore_errors=True)
            aside.rename(data)
            raise
        shutil.rmtree(aside, ignore_errors=True)
        return started

    def run_on_port(self, name: str, preferred: int, start: Callable[[int], LocalService]) -> LocalService:
        """Start a service on a free port, or on another one if that is taken meanwhile.

        Raises:
            ToolError: it did not start, for another reason or several times.
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
        """Return the log file of a service."""
        return self.layout.logs / f"{name}.log"


def _last_words(log: Path) -> str:
    """Return the last non-empty line of a log."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "it printed nothing"
    return lines[-1][:300] if lines else "it printed nothing"
