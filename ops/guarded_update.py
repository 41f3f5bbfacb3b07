"""An update for one purpose: it reports its deployments, and deploys no other image unless that was requested."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from convos_infra.errors import InfraError
from ops.ci.reviewed import IMAGE, POOL_IMAGE, parse
from ops.progress.board import Board
from ops.progress.watched_update import watched_update
from ops.pulumi_cli import Pulumi, PulumiError, last_error
from railway_api.redact import redact


@dataclass(frozen=True)
class GuardedUpdate:
    """One update.

    Attributes:
        cli: Pulumi for the stack.
        again: the command that continues after a failure, for errors.
        say: takes a line of progress.
        shows: whether Pulumi's output is shown.
        with_image: whether the update may deploy another image.
    """

    cli: Pulumi
    again: str
    say: Callable[[str], None]
    shows: bool = True
    with_image: bool = False

    def run(self, secrets: Iterable[str] = ()) -> None:
        """Preview, and update if there is something to do.

        Args:
            secrets: values that no error may quote.

        Raises:
            InfraError: the update would deploy another image, or it failed.
        """
        preview = parse(self.cli.read("preview"))
        for image, key in ((IMAGE, "imageTag"), (POOL_IMAGE, "poolImage")):
            if preview.digest_of(image) and not self.with_image:
                problem = f"the update would also deploy another image ({preview.digest_of(image)[:15]})"
                step = f"pin the running one ({key}), or say WITH_IMAGE=1; then {self.again}"
                raise InfraError(image, problem, step)
        for change in preview.changes:
            if change.deployments:
                self.say(f"{change.what.partition(' ')[2]}: {change.cost}")
        if not preview.changes:
            self.say("the update changes nothing: what runs is as the config says")
            return
        self.say("pulumi up")
        arguments = ("--yes", "--skip-preview", "--suppress-outputs")
        ran = watched_update(self.cli, arguments, Board(), shows=self.shows).ran
        if ran.code != 0:
            problem = f"pulumi up: {redact(last_error(ran.text), secrets)}"
            raise PulumiError(self.cli.stack, problem, f"fix that, then {self.again}")
