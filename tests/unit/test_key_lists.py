"""Every other list of keys says what the declaration says: the smoke tests in CI, and the example of an env file."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from pool_contract.keys import DECLARATIONS

ROOT = Path(__file__).parents[2]
SETTABLE = [one for one in DECLARATIONS if one.set_by == "keys"]


def test_the_smoke_tests_in_ci_are_given_every_key_that_agents_are_given() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/build-runtime.yml").read_text())
    steps = workflow["jobs"]["qa"]["steps"]
    (step,) = [step for step in steps if str(step.get("run")).startswith("ops/image/qa.sh")]
    # What has a default for agents is the image's own there.
    wanted = {one.name for one in SETTABLE if one.for_agents and not one.default}
    assert set(step["env"]) - {"DIGEST"} == wanted
    from_secrets = {name for name, value in step["env"].items() if value == f"${{{{ secrets.{name} }}}}"}
    assert from_secrets == wanted - {"XMTP_ENV"}
    assert step["env"]["XMTP_ENV"] == "dev"


def test_the_example_of_an_env_file_names_what_the_runtime_reads() -> None:
    named = set(re.findall(r"^(\w+)=", (ROOT / "runtime/.env.example").read_text(), re.MULTILINE))
    assert named == {one.name for one in DECLARATIONS if one.runtime is not None}


def test_what_agents_get_is_known_to_the_runtime_and_nothing_else_but_its_port() -> None:
    assert {one.name for one in DECLARATIONS if one.runtime is not None and not one.for_agents} == {"PORT"}
    assert [one.name for one in DECLARATIONS if one.for_agents and one.runtime is None] == []


def test_what_a_key_is_made_with_is_a_secret_key_of_the_pool_manager() -> None:
    made = {one.made_with for one in DECLARATIONS if one.made_with}
    assert made == {"OPENROUTER_MANAGEMENT_KEY", "AGENTMAIL_API_KEY"}
    assert made <= {one.name for one in SETTABLE if one.secret and one.given_to in ("pool", "both")}
