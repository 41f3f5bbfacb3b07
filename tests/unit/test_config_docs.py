"""What is written from the model of the config is up to date, and says what the model says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ops.config import (
    configuration_page,
    env_example,
    keys_list,
    pulumi_yaml,
    runtime_page,
    smoke_test_keys,
    workflow_stacks,
)
from ops.config.command import texts
from pool_contract.keys import DECLARATIONS, declaration_of
from stack import settings
from stack.section import ConfigKey

ROOT = Path(__file__).parents[2]
KEYS = list(settings.KEYS.values())
ONE = settings.KEYS["project"]
assert KEYS


FILES = (
    *("Pulumi.yaml", "docs/configuration.md", "docs/service-attributes.md"),
    *("runtime/scripts/keys.list", "runtime/.env.example", "pool/.env.example"),
    *("docs/runtime.md", "docs/pool.md", "docs/railway-facts.md", "docs/railway-coverage.md"),
    *(f".github/workflows/{file.name}" for file in sorted((ROOT / ".github/workflows").glob("*.yml"))),
)


@pytest.mark.parametrize("name", FILES)
def test_each_file_says_what_the_code_says(name: str) -> None:
    assert texts(ROOT)[ROOT / name] == (ROOT / name).read_text(), "make config-docs"


def test_every_file_that_is_written_is_compared() -> None:
    assert set(texts(ROOT)) == {ROOT / name for name in FILES}


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "another"},
        {"type": "integer"},
        {"default": "other"},
        {"description": "Something else."},
        {"env": ("SOME_VARIABLE",)},
    ],
)
def test_a_change_of_the_model_that_nobody_wrote_down_is_noticed(changed: dict[str, object]) -> None:
    others = [replace(one, **changed) if one is ONE else one for one in KEYS]
    assert pulumi_yaml.written((ROOT / "Pulumi.yaml").read_text(), others) != (ROOT / "Pulumi.yaml").read_text()
    assert configuration_page.page(others, DECLARATIONS) != (ROOT / "docs/configuration.md").read_text()


def test_a_branch_that_deploys_is_written_into_every_list_of_branches_and_stacks() -> None:
    text = "on:\n  push:\n    branches: [a]\n    paths: [b]\njobs:\n  x:\n        stack: [a]\n        options: [a]\n"
    found = workflow_stacks.written(text, {"qa": "qa", "main": "production"})
    assert found.count("branches: [qa, main]") == 1
    assert found.count("[qa, production]") == 2
    assert "paths: [b]" in found
    workflows = [file.read_text() for file in (ROOT / ".github/workflows").glob("*.yml")]
    assert sum(text != workflow_stacks.written(text, {"qa": "qa"}) for text in workflows) > 5


@pytest.mark.parametrize("changed", [{"secret": True}, {"allowed": "1 to 2"}])
def test_the_page_tells_secrecy_and_range_too(changed: dict[str, object]) -> None:
    others = [replace(one, **changed) if one is ONE else one for one in KEYS]
    assert configuration_page.page(others, DECLARATIONS) != (ROOT / "docs/configuration.md").read_text()


def test_a_declared_key_that_nobody_wrote_down_is_noticed() -> None:
    one = replace(declaration_of("BANKR_API_KEY"), name="ANOTHER_KEY")
    assert keys_list.keys_list([*DECLARATIONS, one]) != (ROOT / "runtime/scripts/keys.list").read_text()
    assert configuration_page.page(KEYS, [*DECLARATIONS, one]) != (ROOT / "docs/configuration.md").read_text()
    assert env_example.env_example([*DECLARATIONS, one]) != (ROOT / "runtime/.env.example").read_text()
    workflow = (ROOT / ".github/workflows/build-runtime.yml").read_text()
    assert smoke_test_keys.written(workflow, [*DECLARATIONS, one]) != workflow


def test_pulumi_reads_the_names_types_and_defaults_of_the_model() -> None:
    read = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert list(read) == [one.name for one in KEYS]
    for one in KEYS:
        row = read[one.name]
        assert (row["type"], row["default"]) == (one.type, one.default)
        assert row["description"].startswith(one.description)
        # docs/decisions/0003: Pulumi fails every command for an empty default of a secret type.
        assert "secret" not in row


@pytest.mark.parametrize(
    "text",
    [
        "a: b",
        "a #b",
        "# a",
        "yes",
        "12",
        "1e3",
        "2026-01-01",
        "'a'",
        '"a',
        "{a}",
        "[a",
        "- a",
        "a:",
        "*a",
        "&a",
        "é",
        " ",
    ],
)
def test_a_text_that_yaml_would_read_as_something_else_is_quoted(text: str) -> None:
    key = replace(ONE, description=text, default=text)
    read = yaml.safe_load(pulumi_yaml.written("name: x\n\nconfig:\n", [key]))
    assert read["config"] == {"project": {"type": "string", "description": text, "default": text}}


def test_what_stands_before_the_block_stays_as_it_is() -> None:
    before = "name: x\n# config: of old\nruntime:\n  name: python\n"
    written = pulumi_yaml.written(f"{before}config:\n  old: {{}}\n", [ONE])
    assert written.startswith(f"{before}config:\n  project:\n")
    assert "old:" not in written


def test_every_default_is_a_value_that_the_model_accepts() -> None:
    set_by_hand = {one.name: one.default for one in KEYS if one.default != ""}
    values = {**set_by_hand, "poolImage": "ghcr.io/example/pool:dev"}
    environ = {"RAILWAY_API_TOKEN": "t"}
    assert settings.read("dev", values, environ) == settings.read("dev", {"poolImage": values["poolImage"]}, environ)


def test_a_key_with_a_name_of_a_secret_is_one() -> None:
    named = [one.name for one in KEYS if re.search("(?i)password|token$|apikey|url$", one.name)]
    assert {"databaseUrl", "registryPassword", "railwayToken", "poolApiKey"} <= set(named)
    plain = [name for name in named if not settings.KEYS[name].secret]
    assert plain == ["poolAgentUrl", "poolKeepToken"]


def test_no_key_is_declared_twice_and_each_is_described_in_sentences() -> None:
    declared: list[ConfigKey] = KEYS
    assert len({one.name.lower() for one in declared}) == len(declared)
    for one in [*declared, *DECLARATIONS]:
        assert re.match(r"[A-Z`].*[.)]$", one.description), one.name


def test_the_runtimes_page_has_every_variable_of_the_runtime_and_says_what_happens_without_it() -> None:
    page = (ROOT / "docs/runtime.md").read_text()
    for declared in DECLARATIONS:
        rows = re.findall(rf"^\| `{declared.name}` \| (yes|no) \| ([^|]*) \|", page, re.MULTILINE)
        assert len(rows) == (declared.runtime is not None), declared.name
    assert "| `SETUP_PASSWORD` | yes | made at the first start |" in page
    assert "| `XMTP_ENV` | no | `dev` |" in page
    assert "| `OPENROUTER_API_KEY` | yes | does not work |" in page


def test_a_page_without_marks_is_not_written_to() -> None:
    assert runtime_page.written("# No table\n", DECLARATIONS) == "# No table\n"
    begin = "<!-- variables: written by make config-docs -->\n"
    assert runtime_page.written(f"{begin}a lost end\n", DECLARATIONS) == f"{begin}a lost end\n"
