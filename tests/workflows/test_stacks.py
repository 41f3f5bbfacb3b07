"""Stacks' config files: which there are, what they follow and pin, and the one line that pins."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from convos_infra.errors import InfraError
from ops import stacks
from ops.ci.image_tags import BRANCH_TAGS

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = "# a comment\nconfig:\n  convos-infra:imageRepository: ghcr.io/x/y\n  convos-infra:keys:\n    XMTP_ENV: dev\n"


def test_the_roll_back_is_one_line_and_the_way_forward_takes_it_away_again() -> None:
    pinned = stacks.with_pin(FILE, "sha-1a2b3c4")
    assert pinned == FILE.replace("config:\n", "config:\n  convos-infra:imageTag: sha-1a2b3c4\n")
    assert stacks.with_pin(pinned, "sha-9f8e7d6").count("imageTag") == 1
    assert stacks.with_pin(pinned, "") == FILE
    assert stacks.with_pin(FILE, "") == FILE


@pytest.mark.parametrize("stack", stacks.configured(CHECKOUT))
def test_each_stacks_file_takes_a_pin_and_stays_what_it_was(stack: str) -> None:
    text = (CHECKOUT / f"Pulumi.{stack}.yaml").read_text()
    before, after = yaml.safe_load(text), yaml.safe_load(stacks.with_pin(text, "sha-1a2b3c4"))
    assert after["config"].pop("convos-infra:imageTag") == "sha-1a2b3c4"
    assert after == before


KEY = "convos-infra:imageTag"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "text",
    [
        "config:\n    convos-infra:x: 1\n",
        "config: # of this stack\n  convos-infra:x: 1\n",
        "config:\n  # a comment\n\n    # another\n  convos-infra:x: 1\n",
        f"config:\n  convos-infra:x: 1\n  {KEY}: sha-0",
        f'config:\n  "{KEY}": sha-0 # why\n  convos-infra:x: 1\n',
        f"config:\n   '{KEY}' : 'sha-0'\n   convos-infra:x: 1\n",
        "config:\n  convos-infra:x: |\n    config:\n",
        "encryptionsalt: s\nconfig:\n",
        "\ufeffconfig:\n  convos-infra:x: 1\n",
    ],
)
@pytest.mark.parametrize("tag", ["sha-1a2b3c4", "0123456", "1e10000", "null", "on", "12345678", "2026-01-01", ""])
def test_a_file_by_another_hand_takes_the_pin_as_text_and_nothing_else_changes(text: str, tag: str, end: str) -> None:
    text = text.replace("\n", end)
    pinned = stacks.with_pin(text, tag)
    before, after = (yaml.safe_load(one)["config"] or {} for one in (text, pinned))
    assert after == {**{key: value for key, value in before.items() if key != KEY}, **({KEY: tag} if tag else {})}
    assert stacks.with_pin(pinned, tag) == pinned
    assert "\n" not in pinned.replace(end, "")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (f"config:\n  {KEY}:\n    sha-0\n", ("sha-1a2b3c4", "")),
        (f"config:\n  {KEY}: sha-0\n  {KEY}: sha-1\n", ("sha-1a2b3c4", "")),
        (f"config: {{{KEY}: sha-0}}\n", ("sha-1a2b3c4", "")),
        (f"config:\n  convos-infra:x: |\n    text\n    {KEY}: sha-0\n", ("sha-1a2b3c4", "")),
        ("config: [\n", ("sha-1a2b3c4", "")),
        ("- config\n", ("sha-1a2b3c4", "")),
        ("encryptionsalt: x\n", ("sha-1a2b3c4",)),
    ],
)
def test_a_file_that_one_line_does_not_pin_is_refused_and_not_broken(text: str, tags: tuple[str, ...]) -> None:
    assert tags
    for tag in tags:
        with pytest.raises(InfraError, match="^config: "):
            stacks.with_pin(text, tag)


def test_a_file_without_config_says_so() -> None:
    with pytest.raises(InfraError, match="no line `config:`"):
        stacks.with_pin("encryptionsalt: x\n", "sha-1a2b3c4")


def test_a_stack_that_was_not_named_is_asked_for_with_the_names_that_there_are() -> None:
    with pytest.raises(InfraError, match="STACK= is missing; one of local, dev, "):
        stacks.checked("")


@pytest.mark.parametrize("name", ["../x", "A", "a/b", "-a", "a" * 40, "x.yaml"])
def test_a_name_that_would_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(InfraError, match="is not a stack's name"):
        stacks.config(CHECKOUT, name)


def test_a_stack_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(InfraError, match=f"the stacks are {', '.join(stacks.configured(CHECKOUT))}"):
        stacks.config(CHECKOUT, "prod")


@pytest.mark.parametrize(
    "content",
    [
        b"- a\n",
        b"7\n",
        b"config:\n- a\n",
        b"config: x\n",
        b"config:\n  a: \xe4\n",
        "config:\n".encode("utf-16"),
        b"[" * 5000,
    ],
    ids=["list", "number", "list of config", "text of config", "Latin-1", "UTF-16", "deep"],
)
def test_a_file_that_is_no_stacks_config_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_bytes(content)
    with pytest.raises(InfraError, match=r"^Pulumi\.dev\.yaml: (cannot be read|is not a stack's config)"):
        stacks.config(tmp_path, "dev")


def test_a_key_that_is_no_text_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  1: x\n  convos-infra:imageTag: sha-1\n")
    assert stacks.config(tmp_path, "dev") == {"imageTag": "sha-1"}


def test_production_follows_what_main_builds() -> None:
    followed = stacks.followed(stacks.config(CHECKOUT, "production"), "production")
    assert followed.name == "ghcr.io/xmtplabs/convos-runtime:production"
    assert stacks.of_branch("main") == "production"


def test_a_branch_that_deploys_nothing_says_which_do() -> None:
    with pytest.raises(InfraError, match=f"those that do: {', '.join(BRANCH_TAGS)}"):
        stacks.of_branch("98/merge")
