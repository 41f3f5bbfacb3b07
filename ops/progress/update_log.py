"""The files in which Pulumi and its providers record the progress of a running update."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ops.progress.records import step_events, wait_events
from railway_api.progress import FILE_VARIABLE

if TYPE_CHECKING:
    from ops.progress.records import BuildEvent, ErrorEvent, StepEvent, WaitEvent


class GrowingFile:
    """A file that another process adds lines to.

    Args:
        path: the file; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._rest = path, 0, b""

    def lines(self) -> list[str]:
        """Return the whole lines that were added since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                added = file.read()
        except FileNotFoundError:
            return []
        self._read += len(added)
        *whole, self._rest = (self._rest + added).split(b"\n")
        return [line.decode(errors="replace") for line in whole]


class UpdateLog:
    """Pulumi's event log and the providers' records of waits, each read from where the last call ended.

    Args:
        folder: a folder that has neither file yet.

    Attributes:
        arguments: of `pulumi up`, so that Pulumi writes its event log.
        variables: the environment variables that these arguments and the providers need.
    """

    def __init__(self, folder: Path) -> None:
        events, waits = folder / "events", folder / "waits"
        self.arguments = ("--event-log", str(events))
        # The CLI has no flag --event-log without PULUMI_DEBUG_COMMANDS.
        self.variables = {"PULUMI_DEBUG_COMMANDS": "true", FILE_VARIABLE: str(waits)}
        self._events, self._waits = GrowingFile(events), GrowingFile(waits)

    def steps(self) -> list[StepEvent | ErrorEvent | BuildEvent]:
        """Return the events of the steps since the last call."""
        return list(step_events(self._events.lines()))

    def waits(self) -> list[WaitEvent]:
        """Return the reports of the providers that wait since the last call."""
        return list(wait_events(self._waits.lines()))


@contextmanager
def update_log() -> Iterator[UpdateLog]:
    """Provide the log of one update, in a folder that is removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="convos-update-") as folder:
        yield UpdateLog(Path(folder))
