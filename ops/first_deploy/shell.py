"""The steps that prepare the shell: the state's backend, the passphrase, Railway's token and workspace."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from ops.doctor import tokens
from ops.first_deploy.walk import WalkStep
from ops.pulumi_cli import backend_url
from ops.status import railway_view
from railway_api.client import Timing
from railway_api.retry import Budget
from railway_api.token import reach

if TYPE_CHECKING:
    from ops.first_deploy.interview import Interview

BACKEND, TOKEN = "PULUMI_BACKEND_URL", "RAILWAY_API_TOKEN"
PHRASE, PHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
SCHEMES = ("file://", "s3://", "gs://", "azblob://", "https://")
_LEAST_PHRASE = 8
_PATIENCE = Timing(connect_seconds=5.0, read_seconds=30.0, budget=Budget(attempts=3, seconds=20.0))


@dataclass(frozen=True)
class ShellSteps:
    """What a shell needs before a stack can be made.

    Attributes:
        environ: the process's environment; answers are put into it, for the commands that follow.
    """

    environ: MutableMapping[str, str]

    def steps(self) -> list[WalkStep]:
        """Return the steps, in their order."""
        by_hand = "export {}=… in the shell, then run the same command again"
        return [
            WalkStep("backend", self._backend, self._choose_backend, by_hand.format(BACKEND)),
            WalkStep("passphrase", self._passphrase, self._choose_passphrase, by_hand.format(PHRASE)),
            WalkStep("Railway's token", self._token, self._choose_token, by_hand.format(TOKEN)),
        ]

    def workspaces(self) -> list[str]:
        """Return the names of the workspaces that the token reaches."""
        client = railway_view.client(self.environ, _PATIENCE)
        return [str(row.get("name") or row["id"]) for row in reach(client, subject=TOKEN).workspaces]

    def _backend(self) -> str:
        if self.environ.get(BACKEND) == "":
            del self.environ[BACKEND]  # Pulumi takes an empty one for a URL
        try:
            return f"the state is kept at {backend_url()}"
        except InfraError:
            if self.environ.get(BACKEND):
                raise
            return ""

    def _choose_backend(self, interview: Interview) -> None:
        interview.say("Pulumi keeps the state of stacks in a backend: a bucket or folder of yours, or Pulumi Cloud.")

        def accept(answer: str) -> str:
            if not answer.startswith(SCHEMES):
                raise InfraError("backend", f"{answer[:60]!r} is not a backend's URL", f"one of {', '.join(SCHEMES)}…")
            self.environ[BACKEND] = answer
            try:
                return backend_url()
            except InfraError:
                del self.environ[BACKEND]
                raise

        interview.until("URL of the backend, such as s3://my-bucket", accept)
        interview.say(f"keep it: export {BACKEND}={self.environ[BACKEND]}, and the repository's variable {BACKEND}")

    def _needs_phrase(self) -> bool:
        return not self.environ.get(BACKEND, "").startswith("https://") and not self.environ.get("PULUMI_ACCESS_TOKEN")

    def _passphrase(self) -> str:
        if not self._needs_phrase():
            return "not needed: Pulumi Cloud encrypts"
        return "is set" if self.environ.get(PHRASE) or self.environ.get(PHRASE_FILE) else ""

    def _choose_passphrase(self, interview: Interview) -> None:
        interview.say(
            "Secrets of the stack are encrypted with a passphrase. Without it they cannot be read: keep it safe."
        )

        def accept(answer: str) -> str:
            if len(answer) < _LEAST_PHRASE:
                raise InfraError("passphrase", f"is shorter than {_LEAST_PHRASE} characters", "give a longer one")
            return answer

        self.environ.pop(PHRASE_FILE, None)
        self.environ[PHRASE] = interview.until("passphrase of the stack", accept, secret=True)
        interview.say(f"keep it: {PHRASE} in the shell, and a secret of that name in the environment on GitHub")

    def _token(self) -> str:
        if not self.environ.get(TOKEN):
            return ""
        return tokens.own_token(railway_view.client(self.environ, _PATIENCE), self.environ)

    def _choose_token(self, interview: Interview) -> None:
        interview.say("Make an account or workspace token at https://railway.com/account/tokens (not a project token).")

        def accept(answer: str) -> str:
            if not answer:
                raise InfraError(TOKEN, "is empty", "paste the token")
            self.environ[TOKEN] = answer
            try:
                return self._token()
            except BaseException:
                del self.environ[TOKEN]
                raise

        interview.until("Railway's token", accept, secret=True)
        interview.say(f"keep it: {TOKEN} in the shell, and a secret of that name in the environment on GitHub")
