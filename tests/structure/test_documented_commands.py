"""Every documented command exists as it is written, and a test runs it, or NOT_RUN has the reason."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import subprocess

import pytest

from ops.__main__ import VERBS
from tests import needs
from tests.stack.test_daily_commands import DAILY
from tests.structure.documented import of
from tests.structure.sources import CHECKOUT, files

MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^([a-z-]+):[^\n]*(##[^\n]*\n(?:\t[^\n]*\n?)*)", MAKEFILE, re.MULTILINE))
NOT_RUN = {
    "bench": "minutes to hours of measuring; tests/benchmarks/trivial.py and its pages are checked apart",
    "bench-ci": "reads the log of a whole run of .ci/run; tests/unit/test_ci_seconds.py reads one",
    "check": "the formatter, the linter, the types and the arrows, each of which .ci/run runs",
    "config-docs": "tests/unit/test_config_docs.py compares what it would write",
    "conformance": "tests/conformance plays every scenario in the same process",
    "docs": "builds with a generator of its own, which make test does not install; tests/site checks what it is given",
    "faults": "half an hour; tests/faults/test_faults_sample.py runs a sample",
    "image": "its script is run by tests/runtime/test_image.py and tests/stack",
    "incidents": "a quarter of an hour, and runs tests itself",
    "matrix": "runs the suite; tests/acceptance compares its page",
    "notify": "needs a webhook; tests/workflows/test_notifications.py runs its module against one",
    "plans": "minutes; tests/workflows/test_preview_page.py checks the examples that it recorded",
    "qa": "its script is run by tests/workflows/test_qa_script.py and under act",
    "railway-cli": "needs a debug build of Railway's CLI; tests/emulator/test_client_operations.py sends its documents",
    "run": "runs until it is stopped; the image that it starts is tested by tests/runtime",
    "schema-check": "minutes; tests/schema applies the same files",
    "script": "calls ops/run, which tests/workflows/test_ops_run.py runs",
    "toolchain-checksums": "asks the vendor's site; tests/toolchain/test_release.py has one of its own",
    "up": "needs a stack of its own; tests/workflows/test_update_progress.py has what it prints",
    "workflows": "tests/workflows/test_workflows.py runs actionlint and zizmor",
}
"""The documented make targets that no test starts, each with its reason and the test of what it does."""


def words_run() -> set[str]:
    """Return the make targets that tests, the pages that tests follow, and CI start."""
    texts = [(CHECKOUT / name).read_text(encoding="utf-8") for name in files("tests/*.py") if "documented" not in name]
    played = (CHECKOUT / "docs" / "incidents.md").read_text(encoding="utf-8")
    found = re.findall(
        r"make\"(?:, \"--[a-z-]+\")?, \"([a-z-]+)\"|\.make\(\"([a-z-]+)\"|exec make ([a-z-]+)", "".join(texts)
    )
    ci = re.findall(r"make --no-print-directory ([a-z-]+)", (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8"))
    blocks = re.findall(r"```sh\n(.*?)```", played, re.DOTALL)
    return {
        *ci,
        *(word for row in found for word in row if word),
        *re.findall(r"^make ([a-z-]+)", "\n".join(blocks), re.MULTILINE),
        *DAILY,
    }


def test_every_target_is_there_and_reads_each_variable() -> None:
    told = of("make")
    assert len(told) > 100
    wrong = []
    for one in told:
        target = next((word for word in one.words[1:] if not word.startswith("-")), "")
        if target == "VERB" or not re.fullmatch(r"[a-z-]+", target):
            continue
        named = {word.partition("=")[0].lstrip("[") for word in one.words if re.match(r"\[?[A-Z_]+=", word)}
        unknown = [
            name for name in named if f"{name}=" not in RECIPES.get(target, "") and f"$${{{name}" not in MAKEFILE
        ]
        if target not in RECIPES or unknown:
            wrong.append(f"{one.page}: {one.text}: {', '.join(unknown) or 'no such target'}")
    assert wrong == []


def test_every_target_is_run_by_a_test_or_has_its_reason() -> None:
    told = {one.words[1] for one in of("make") if one.words[1] in RECIPES}
    assert told - words_run() - NOT_RUN.keys() == set()
    assert {name for name in NOT_RUN if name not in told} == set(), "no page names it any more"
    assert NOT_RUN.keys() & words_run() == set(), "a test runs it"
    for reason in NOT_RUN.values():
        for name in re.findall(r"tests/[\w/.]+", reason):
            assert (CHECKOUT / name).exists(), name


def test_every_verb_is_there_and_takes_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    scripts = [(one, one.words[2:]) for one in of("python") if one.words[one.words.index("-m") + 1] == "ops"]
    told = [*((one, one.words[1:]) for one in of("ops/run")), *scripts]
    told += [
        (one, tuple(" ".join(one.words[2:]).removeprefix('RUN="').rstrip('"').split()))
        for one in of("make")
        if one.words[1] == "script"
    ]
    assert len(told) > 2
    for one, (verb, *rest) in told:
        assert verb in VERBS, one
        with pytest.raises(SystemExit):
            importlib.import_module(VERBS[verb]).main(["--help"])
        said = capsys.readouterr().out
        for option in rest:
            if option.startswith("--"):
                assert option.partition("=")[0] in said, one


def test_every_module_that_is_to_be_run_is_there() -> None:
    told = {one.words[one.words.index("-m") + 1].strip(".,") for one in of("python")}
    assert len(told) > 3
    for name in sorted(told):
        assert importlib.util.find_spec(name) is not None, name


def test_every_pulumi_command_is_there_and_takes_each_option() -> None:
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        needs.TOOLCHAIN.skip()
    told: dict[str, set[str]] = {}
    for one in of("pulumi"):
        verbs = [word for word in one.words[1:4] if re.fullmatch(r"[a-z]+(?:-[a-z]+)*", word)]
        first = " ".join(verbs[: 2 if verbs[:1] in (["config"], ["stack"], ["plugin"]) else 1])
        options = {word.partition("=")[0].rstrip(",.;)") for word in one.words if word.startswith("--")}
        told.setdefault(first, set()).update(options)
    assert {"up", "preview", "refresh", "destroy", "cancel", "config set", "stack init"} <= told.keys()
    helps: dict[str, str] = {}

    def help_of(verb: str) -> str:
        if verb not in helps:
            command = [pulumi, *verb.split(), "--help"]
            helps[verb] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return helps[verb]

    for verb, options in told.items():
        # For a verb that it does not know, Pulumi prints the help of the parent command.
        assert not verb or help_of(verb) != help_of(verb.rpartition(" ")[0]), verb
        assert {one for one in options if one not in help_of(verb)} == set(), verb
