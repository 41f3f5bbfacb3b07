"""The workflows as written: triggers, rights, pins. What they do is in scripts, which have tests of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
BRANCHES = ["scaling", "dev", "staging", "main"]


def read(name: str) -> dict[Any, Any]:
    return yaml.safe_load((FOLDER / name).read_text())


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as a boolean.
    return workflow[True]


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


@pytest.fixture(params=WORKFLOWS, ids=lambda file: file.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_every_action_is_pinned_by_its_commit_and_says_which_release_that_is(workflow: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: *(.+)$", workflow.read_text(), re.MULTILINE)
    for line in used:
        assert line.startswith("./") or re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_one_release_of_an_action_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for file in WORKFLOWS:
        for name, pin in re.findall(r"uses: *([\w./-]+)@(.+)", file.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_no_right_is_given_to_a_whole_workflow(workflow: Path) -> None:
    parsed = read(workflow.name)
    assert parsed["permissions"] == {}
    for name, job in parsed["jobs"].items():
        assert isinstance(job.get("permissions"), dict), f"{name} says what it may"
        assert "write-all" not in job["permissions"].values()


def test_every_job_ends_by_itself_and_every_workflow_has_a_concurrency_group(workflow: Path) -> None:
    parsed = read(workflow.name)
    assert all("uses" in job or job["timeout-minutes"] <= 60 for job in parsed["jobs"].values())
    jobs_with_groups = [job for job in parsed["jobs"].values() if "concurrency" in job]
    assert "concurrency" in parsed or jobs_with_groups


def test_no_checkout_leaves_its_token_behind(workflow: Path) -> None:
    for step in steps(read(workflow.name)):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_nothing_of_an_event_is_pasted_into_a_script(workflow: Path) -> None:
    for step in steps(read(workflow.name)):
        assert "${{" not in str(step.get("run", "")), step.get("name")


def test_scripts_are_one_line_long(workflow: Path) -> None:
    for step in steps(read(workflow.name)):
        lines = [line for line in str(step.get("run", "")).splitlines() if line.strip()]
        assert len(lines) <= 1, f"{step.get('name')}: more than a line belongs into scripts/"


def test_untrusted_code_never_runs_with_rights(workflow: Path) -> None:
    assert "pull_request_target" not in triggers(read(workflow.name))


def test_the_build_runs_for_the_runtime_on_the_four_branches() -> None:
    on = triggers(read("build-runtime.yml"))
    assert set(on) == {"push", "pull_request"}
    for trigger in on.values():
        assert trigger == {"branches": BRANCHES, "paths": ["runtime/**"]}


def test_the_build_is_for_the_platform_of_railway_with_a_cache() -> None:
    build = next(s for s in steps(read("build-runtime.yml")) if "build-push-action" in str(s.get("uses")))
    assert build["with"]["platforms"] == "linux/amd64"
    assert build["with"]["file"] == "runtime/Dockerfile"
    assert build["with"]["context"] == "."
    assert build["with"]["cache-from"] == "type=gha"


def test_qa_needs_the_build_and_takes_exactly_its_digest() -> None:
    qa = read("build-runtime.yml")["jobs"]["qa"]
    assert qa["needs"] == "build"
    check = qa["steps"][-1]
    assert check["run"] == 'scripts/qa.sh "$IMAGE@$DIGEST"'
    assert check["env"]["DIGEST"] == "${{ needs.build.outputs.digest }}"


def test_a_pull_request_builds_its_head_commit() -> None:
    checkout = read("build-runtime.yml")["jobs"]["build"]["steps"][0]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.head.sha || github.sha }}"


def test_actionlint_passes(workflow_tools: dict[str, str]) -> None:
    command = [workflow_tools["actionlint"], "-no-color", *map(str, WORKFLOWS)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_passes() -> None:
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--no-progress", "--persona=regular"]
    done = subprocess.run([*command, str(FOLDER)], cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
