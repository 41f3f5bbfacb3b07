"""CONTRIBUTING.md names tests and paths that exist, and a new key or branch makes the generated files out of date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.config import configuration_page, env_example, keys_list, runtime_page, smoke_test_keys, workflow_stacks
from pool_contract.key_declaration import key
from pool_contract.keys import DECLARATIONS
from stack.settings import KEYS
from tests.structure.sources import CHECKOUT, files

FILE = CHECKOUT / "docs" / "CONTRIBUTING.md"
PAGE = FILE.read_text()
PLANTED = [*DECLARATIONS, key("WEATHER_API_KEY", "agents", "The weather service.", secret=True)]


def test_every_test_that_the_page_names_exists() -> None:
    tests = {Path(name).name: (CHECKOUT / name).read_text() for name in files("tests/*.py")}
    named = set(re.findall(r"\btest_\w+(?:\.py)?", PAGE))
    assert len(named) > 10
    known = {name for text in tests.values() for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
    assert {name for name in named if name not in tests and name not in known} == set()


def test_every_path_that_the_page_names_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    named = re.findall(r"`([\w.]+/[\w./]*)`", PAGE)
    assert links
    assert named
    ours = [name for name in named if "NNNN" not in name]
    assert [name for name in links if not (FILE.parent / name).exists()] == []
    assert [name for name in ours if not (CHECKOUT / name).exists()] == []


def test_the_file_that_declares_services_is_the_one_that_the_page_names() -> None:
    (name,) = re.findall(r"its declaration\s+in `(\S+)`", PAGE)
    text = (CHECKOUT / name).read_text()
    assert "DestroyGate(" in text
    assert [property_ for property_ in ("components", "services", "volumes") if f"def {property_}(" not in text] == []


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("docs/configuration.md", lambda _: configuration_page.page(list(KEYS.values()), PLANTED)),
        ("runtime/scripts/keys.list", lambda _: keys_list.keys_list(PLANTED)),
        ("runtime/.env.example", lambda _: env_example.env_example(PLANTED)),
        ("docs/runtime.md", lambda text: runtime_page.written(text, PLANTED)),
        (".github/workflows/build-runtime.yml", lambda text: smoke_test_keys.written(text, PLANTED)),
        (".github/workflows/deploy.yml", lambda text: workflow_stacks.written(text, {"qa": "qa"})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_declaration_that_is_missing_in_a_generated_file_is_found(name: str, written: object) -> None:
    assert callable(written)
    text = (CHECKOUT / name).read_text()
    assert written(text) != text
