"""The steps that create the stack: its file, its state, its keys, its images, its first update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse, parse_version
from convos_infra.registry.resolve import age, resolve
from ops import pulumi_cli, stacks
from ops.ci import preview
from ops.ci.registry_login import credentials
from ops.doctor.check import Diagnosis, lines
from ops.doctor.questions import checks
from ops.first_deploy.walk import WalkStep
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import keys
from ops.status.source import now
from pool_contract.keys import declaration_of
from stack.image import DEFAULT_REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from ops.first_deploy.interview import Interview
    from ops.first_deploy.shell import ShellSteps

POOL_IMAGE = "ghcr.io/xmtplabs/convos-pool:{}"


@dataclass(frozen=True)
class StackSteps:
    """Creates a stack once the shell has everything that it needs.

    Attributes:
        stack: its name.
        shell: the steps before, for its token and environment.
    """

    stack: str
    shell: ShellSteps

    def steps(self) -> list[WalkStep]:
        """Return the steps, in their order."""
        name = self.stack
        images = "push the branch, so that build-runtime and build-pool push the images (docs/ci.md)"
        return [
            WalkStep("config", self._config, self._write_config, f"write Pulumi.{name}.yaml"),
            WalkStep("stack", self._made, self._make, f"pulumi stack init {name}"),
            WalkStep(
                "workspace", self._workspace, self._choose_workspace, f"pulumi config set workspace … --stack {name}"
            ),
            WalkStep("keys", self._keys, self._set_keys, f"pulumi config set --secret --path keys.NAME --stack {name}"),
            WalkStep("images", self._images, self._name_images, images),
            WalkStep("update", self._deployed, self._deploy, f"pulumi up --stack {name}"),
            WalkStep("check", self._well, lambda _: None, f"make doctor STACK={name}"),
        ]

    @property
    def file(self) -> Path:
        """The file of its config."""
        return CHECKOUT / f"Pulumi.{self.stack}.yaml"

    def _values(self) -> dict[str, Any]:
        return stacks.config(CHECKOUT, self.stack)

    def _set(self, key: str, value: str, *how: str) -> None:
        Pulumi(self.stack).do("config", "set", *how, key, value)

    def _config(self) -> str:
        return f"{self.file.name} is there" if self.file.exists() else ""

    def _write_config(self, interview: Interview) -> None:
        def with_tag(answer: str) -> str:
            found = parse(answer)
            return f"{found.location}:{found.tag}"

        asked = "repository of the runtime image"
        repository = interview.until(asked, lambda answer: parse(answer).location, DEFAULT_REPOSITORY)
        tag = interview.ask("tag that the stack follows", self.stack)
        pool = interview.until("image of the pool manager, with its tag", with_tag, POOL_IMAGE.format(self.stack))
        parse_version(repository, tag, "imageBranchTag")
        values = {"imageRepository": repository, "imageBranchTag": tag, "poolImage": pool}
        text = "".join(f'  {stacks.PROJECT}:{name}: "{value}"\n' for name, value in values.items())
        self.file.write_text(f"config:\n{text}", encoding="utf-8")

    def _made(self) -> str:
        names = [row.get("name") for row in pulumi_cli.stacks()]
        return f"the backend has {self.stack}" if self.stack in names else ""

    def _make(self, interview: Interview) -> None:
        pulumi_cli.ensure(self.stack)
        interview.say(f"{self.file.name} may have a line encryptionsalt now: commit it")

    def _workspace(self) -> str:
        chosen = str(self._values().get("workspace") or "")
        there = self.shell.workspaces()
        if chosen:
            return chosen
        return there[0] if len(there) == 1 else ""

    def _choose_workspace(self, interview: Interview) -> None:
        there = self.shell.workspaces()

        def accept(answer: str) -> str:
            if answer not in there:
                raise InfraError("workspace", f"the token does not reach {answer[:60]!r}", f"one of {', '.join(there)}")
            return answer

        self._set("workspace", interview.until(f"workspace ({', '.join(there)})", accept))

    def _missing(self) -> list[str]:
        return [key.name for key in keys.states(self._values(), self.shell.environ) if key.is_missing]

    def _keys(self) -> str:
        return (
            "" if self._missing() else f"all that are required are set; make keys STACK={self.stack} lists the others"
        )

    def _set_keys(self, interview: Interview) -> None:
        for name in self._missing():
            declared = declaration_of(name)
            interview.say(f"{name}: {declared.description}")

            def accept(answer: str, name: str = name) -> str:
                if not answer or not answer.isprintable():
                    raise InfraError(name, "is empty, or has control characters in it", "give one line")
                return answer

            value = interview.until(name, accept, secret=declared.secret)
            if declared.secret:
                Pulumi(self.stack).encrypt(f"keys.{name}", value)
            else:
                self._set(f"keys.{name}", value, "--path", "--type", "string")

    def _absent(self) -> str:
        """Return which image is missing and why; empty if both exist."""
        values = self._values()
        pin = str(values.get("imageTag") or "")
        runtime = stacks.followed(values, self.stack)
        wanted = parse_version(runtime.location, pin, "imageTag") if pin else runtime
        try:
            resolve(wanted, credentials=credentials(), subject="runtime image")
            resolve(str(values["poolImage"]), credentials=credentials(), subject="poolImage")
        except InfraError as error:
            return str(error)
        return ""

    def _images(self) -> str:
        values = self._values()
        is_built = [str(values.get(name) or "").lower() == "true" for name in ("imageBuild", "poolBuild")]
        if any(is_built) or values.get("poolRepo") or not values.get("poolImage"):
            return "not looked up: the update builds one of them"
        if self._absent():
            return ""
        found = resolve(str(values["poolImage"]), credentials=credentials(), subject="poolImage")
        return f"both are there; the pool manager's is {age(found.created, now()) or 'of unknown age'}"

    def _name_images(self, interview: Interview) -> None:
        def look(answer: str) -> str:
            if answer:
                self._set("imageTag", answer)
            problem = self._absent()
            if problem:
                raise InfraError("images", problem)
            return answer

        interview.say(self._absent())
        interview.say("Images are pushed by the workflows build-runtime and build-pool when the branch is pushed.")
        interview.until("press return when they are there, or pin a tag of the runtime image (sha-1a2b3c4)", look)

    def _deployed(self) -> str:
        outputs = Pulumi(self.stack).read("stack", "output")
        status = (outputs.get("poolManager") or {}).get("status")
        return f"the pool manager is {status} at {outputs['poolManager'].get('url')}" if status == "SUCCESS" else ""

    def _deploy(self, interview: Interview) -> None:
        preview.main(["--stack", self.stack])
        if not interview.agrees(f"make the stack {self.stack} on Railway now"):
            raise InfraError("update", "not made: you said no", "run the same command again when you want it")
        Pulumi(self.stack).do("up", "--yes", "--skip-preview")

    def _well(self) -> str:
        found = list(checks(self.stack, self.shell.environ))
        wrong = [one for one in found if one.diagnosis is Diagnosis.WRONG]
        if wrong:
            raise InfraError("check", "; ".join(line.strip() for line in lines(wrong)))
        return f"{len(found)} questions of make doctor are answered well"
