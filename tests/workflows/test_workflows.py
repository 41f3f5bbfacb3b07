"""The workflows as written: triggers, rights, pins. What they do is in scripts, which have tests of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.expected_workflows import (
    BRANCHES,
    CHECKOUT,
    ENVIRONMENTS,
    FOLDER,
    IMAGES,
    PROGRAM,
    RIGHTS,
    TRIGGERS,
    WORKFLOWS,
    read,
    steps,
    triggers,
)


@pytest.fixture(params=WORKFLOWS, ids=lambda file: file.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_every_action_is_pinned_by_its_commit_and_says_which_release_that_is(workflow: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: *(.+)$", workflow.read_text(), re.MULTILINE)
    assert used
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


def test_every_job_ends_by_itself_and_has_a_concurrency_group_or_is_harmless(workflow: Path) -> None:
    parsed = read(workflow.name)
    assert all("uses" in job or job["timeout-minutes"] <= 60 for job in parsed["jobs"].values())
    for name, job in parsed["jobs"].items():
        # A called workflow's jobs have groups of their own.
        changes_something = "uses" not in job and ("environment" in job or "write" in job["permissions"].values())
        assert not changes_something or "concurrency" in parsed or "concurrency" in job, name


@pytest.mark.parametrize(("name", "job"), [("deploy.yml", "up"), ("rollback.yml", "rollback")])
def test_a_stack_is_updated_by_one_job_at_a_time_and_no_update_is_ever_cancelled(name: str, job: str) -> None:
    found = read(name)["jobs"][job]["concurrency"]
    assert found["group"].startswith("up-${{ ")
    assert found["cancel-in-progress"] is False


def test_nothing_else_waits_in_the_group_of_the_updates() -> None:
    """GitHub keeps one job waiting in a group, and cancels it for the next: a look at drift must not be that one."""
    groups = {
        f"{file.name} {name}": job["concurrency"]["group"]
        for file in WORKFLOWS
        for name, job in read(file.name)["jobs"].items()
        if "concurrency" in job
    }
    assert [where for where, group in groups.items() if group.startswith("up-${{ ")] == [
        "deploy.yml up",
        "rollback.yml rollback",
    ]


def test_only_pushes_and_pull_requests_of_newer_commits_are_cancelled() -> None:
    assert WORKFLOWS
    for file in WORKFLOWS:
        parsed = read(file.name)
        for name, where in {"": parsed, **parsed["jobs"]}.items():
            if "concurrency" in where:
                cancels = where["concurrency"].get("cancel-in-progress", False)
                only_checks = name == "qa" or file.name in ("preview.yml", "build-image.yml", "test.yml")
                assert cancels is False or only_checks, (file.name, name)


@pytest.mark.parametrize(("name", "job", "environment"), ENVIRONMENTS)
def test_secrets_are_behind_an_environment(name: str, job: str, environment: str) -> None:
    """Production's has its approval; a pull request's jobs have environments without production's secrets."""
    assert read(name)["jobs"][job]["environment"] == environment


def test_every_job_with_secrets_of_railway_or_pulumi_names_an_environment() -> None:
    assert WORKFLOWS
    for file in WORKFLOWS:
        for name, job in read(file.name)["jobs"].items():
            text = str(job.get("steps", []))
            if "secrets.RAILWAY" in text or "secrets.PULUMI" in text:
                assert (file.name, name) in {(row[0], row[1]) for row in ENVIRONMENTS}


@pytest.mark.parametrize("name", ["preview.yml", "pr-stack.yml"])
def test_a_forks_pull_request_reaches_no_job_with_secrets(name: str) -> None:
    assert read(name)["jobs"]
    for job, content in read(name)["jobs"].items():
        if "environment" in content and "sweep" not in job:
            assert "github.event.pull_request.head.repo.full_name == github.repository" in content["if"], job


def test_a_forks_pull_request_is_told_why_it_has_no_preview() -> None:
    fork = read("preview.yml")["jobs"]["without-secrets"]
    assert fork["permissions"] == {}
    assert "github.event.pull_request.head.repo.full_name != github.repository" in fork["if"]
    assert "github.event.pull_request.user.login == 'dependabot[bot]'" in fork["if"]
    assert "${{" not in str(fork["steps"])


@pytest.mark.parametrize(("name", "wanted"), TRIGGERS.items())
def test_each_workflow_has_its_triggers_and_no_other(name: str, wanted: dict[str, Any]) -> None:
    assert triggers(read(name)) == wanted


def test_a_change_of_any_room_that_the_program_imports_is_deployed() -> None:
    """The rooms of today's import graph, so that a new one cannot be forgotten."""
    code = "import sys, runpy; sys.argv=['x']; import stack.config, stack.images, stack.pool; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    modules = {name.split(".")[0] for name in done.stdout.split()}
    rooms = {room for room in modules if (CHECKOUT / room / "__init__.py").is_file()}
    assert {"components", "convos_infra", "railway_api", "stack"} <= rooms
    folders = {(CHECKOUT / room).resolve().relative_to(CHECKOUT).parts[0] for room in rooms}
    assert {f"{folder}/**" for folder in folders} - set(PROGRAM) == set()


def test_the_tests_run_on_every_pull_request_and_run_what_ci_runs() -> None:
    (job,) = read("test.yml")["jobs"].values()
    assert job["steps"][-1]["run"] == "bash .ci/run"
    assert "secrets." not in (FOLDER / "test.yml").read_text()


def test_every_workflow_is_in_these_tables() -> None:
    builds = {"build-image.yml", *(f"build-{image}.yml" for image in IMAGES)}
    assert set(TRIGGERS) | builds == {file.name for file in WORKFLOWS}


@pytest.mark.parametrize(("name", "rights"), RIGHTS.items())
def test_each_job_has_the_rights_it_needs_and_no_more(name: str, rights: dict[str, dict[str, str]]) -> None:
    assert {job: content["permissions"] for job, content in read(name)["jobs"].items()} == rights


def test_every_script_that_a_workflow_runs_is_there_and_says_how_it_is_called() -> None:
    assert WORKFLOWS
    for file in WORKFLOWS:
        for step in steps(read(file.name)):
            for script in re.findall(r"make script RUN=\"?(\w+)", str(step.get("run", ""))):
                command = [sys.executable, "-m", "ops", script, "--help"]
                done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
                assert done.returncode == 0, done.stderr
                assert f"usage: ops {script}" in done.stdout


@pytest.mark.parametrize("image", IMAGES)
def test_the_digest_goes_from_the_build_to_the_deploy(image: str) -> None:
    deploy = read(f"build-{image}.yml")["jobs"]["deploy"]
    assert deploy["needs"] == "build"
    assert deploy["if"] == "github.event_name == 'push' && needs.build.outputs.push == 'true'"
    assert deploy["with"] == {"image": image, "digest": "${{ needs.build.outputs.digest }}"}


def test_no_checkout_leaves_its_token_behind(workflow: Path) -> None:
    assert steps(read(workflow.name))
    for step in steps(read(workflow.name)):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_nothing_of_an_event_is_pasted_into_a_script(workflow: Path) -> None:
    assert steps(read(workflow.name))
    for step in steps(read(workflow.name)):
        assert "${{" not in str(step.get("run", "")), step.get("name")


def test_scripts_are_one_line_long(workflow: Path) -> None:
    assert steps(read(workflow.name))
    for step in steps(read(workflow.name)):
        lines = [line for line in str(step.get("run", "")).splitlines() if line.strip()]
        assert len(lines) <= 1, f"{step.get('name')}: more than a line belongs into ops/"


def test_a_pipe_fails_where_its_first_command_does(workflow: Path) -> None:
    parsed = read(workflow.name)
    if any("|" in str(step.get("run", "")) for step in steps(parsed)):
        assert parsed["defaults"]["run"]["shell"] == "bash"


def test_untrusted_code_never_runs_with_rights(workflow: Path) -> None:
    assert "pull_request_target" not in triggers(read(workflow.name))


@pytest.mark.parametrize(("image", "context"), IMAGES.items())
def test_each_image_is_built_on_the_four_branches_by_the_same_workflow(image: str, context: str) -> None:
    workflow = read(f"build-{image}.yml")
    on = triggers(workflow)
    assert set(on) == {"push", "pull_request"}
    for trigger in on.values():
        assert trigger == {"branches": BRANCHES, "paths": [f"{image}/**"]}
    build = workflow["jobs"]["build"]
    assert build["uses"] == "./.github/workflows/build-image.yml"
    assert build["with"] == {"kind": image, "context": context}


def test_the_build_is_for_the_platform_of_railway_with_a_cache() -> None:
    build = next(s for s in steps(read("build-image.yml")) if "build-push-action" in str(s.get("uses")))
    assert build["with"]["platforms"] == "linux/amd64"
    assert build["with"]["file"] == "${{ inputs.kind }}/Dockerfile"
    assert build["with"]["context"] == "${{ inputs.context }}"
    assert build["with"]["cache-from"] == "type=gha,scope=${{ inputs.kind }}"


@pytest.mark.parametrize(("image", "script"), [("runtime", "qa.sh"), ("pool", "qa-pool.sh")])
def test_qa_needs_the_build_and_takes_exactly_its_digest(image: str, script: str) -> None:
    qa = read(f"build-{image}.yml")["jobs"]["qa"]
    assert qa["needs"] == "build"
    check = qa["steps"][-1]
    assert check["run"] == f'ops/image/{script} "$IMAGE@$DIGEST"'
    assert check["env"]["DIGEST"] == "${{ needs.build.outputs.digest }}"
    environment = {**qa.get("env", {}), **check["env"]}
    assert environment["IMAGE"] == "${{ needs.build.outputs.image }}", "in lower case, whatever the owner's name is"


def test_qa_reads_its_settings_where_a_fork_is_checked_as_well() -> None:
    wanted = {"QA_START_COMMAND", "QA_SMOKE_COMMAND", "QA_HEALTH_PATH", "QA_BEARER"}
    qa = read("build-runtime.yml")["jobs"]["qa"]["env"]
    fork = read("build-image.yml")["jobs"]["build"]["steps"][-1]["env"]
    for found in (qa, fork):
        assert {name: found[name] for name in wanted} == {name: f"${{{{ vars.{name} }}}}" for name in wanted}


def test_qa_is_given_no_key_with_which_the_image_would_make_something_that_stays() -> None:
    text = (FOLDER / "build-runtime.yml").read_text()
    assert "OPENROUTER_MANAGEMENT_KEY" not in text
    for key, made in (("AGENTMAIL_API_KEY", "AGENTMAIL_INBOX_ID"), ("TELNYX_API_KEY", "TELNYX_PHONE_NUMBER")):
        assert f"{key}: " in text
        assert f"{made}: " in text


def test_a_pull_request_builds_its_head_commit() -> None:
    checkout = read("build-image.yml")["jobs"]["build"]["steps"][0]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.head.sha || github.sha }}"


def test_actionlint_passes(workflow_tools: dict[str, str]) -> None:
    command = [workflow_tools["actionlint"], "-no-color", *map(str, WORKFLOWS)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_third_party_action_is_pinned_and_listed_with_what_it_may_do() -> None:
    used: dict[str, set[str]] = {}
    for file in WORKFLOWS:
        for action, pin in re.findall(r"uses: ([\w-]+/[\w./-]+)@(\S+)", file.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40}", pin), (file.name, action)
            used.setdefault(action, set()).add(file.name)
    section = (CHECKOUT / "docs" / "ci.md").read_text().partition("## Third-party actions\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    listed = {action: (where, says) for cell, where, says in rows for action in re.findall(r"`([^`]+)`", cell)}
    assert listed.keys() == used.keys()
    for action, files in used.items():
        where, says = listed[action]
        assert says.strip(), action
        assert where.strip() == "all" or set(re.findall(r"`([\w-]+\.yml)`", where)) >= files, action


def test_every_workflow_is_listed_with_its_permissions() -> None:
    page = (CHECKOUT / "docs" / "ci.md").read_text()
    rows = {row[1]: row[2].split("|")[2] for row in re.finditer(r"^\| `([\w-]+\.yml)` \|(.*)\|$", page, re.MULTILINE)}
    assert rows.keys() == {file.name for file in WORKFLOWS}
    for file in WORKFLOWS:
        needed = {(what, how) for rights in RIGHTS[file.name].values() for what, how in rights.items()}
        implied = {(what, "read") for what, how in needed if how == "write"} | {("contents", "read")}
        listed = set(re.findall(r"`([\w-]+): (\w+)`", rows[file.name]))
        assert listed == needed - implied, file.name


def test_zizmor_passes() -> None:
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--no-progress", "--persona=pedantic"]
    done = subprocess.run([*command, str(FOLDER)], cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
