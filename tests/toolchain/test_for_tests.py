"""What `make test` installs for the tests, where it may, and what it says where it may not."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ops.toolchain import debian, for_tests
from ops.toolchain.console import Step
from ops.toolchain.machine import Machine
from tests import needs

if TYPE_CHECKING:
    from pathlib import Path

    from ops.toolchain.store import Store
    from tests.toolchain.conftest import FakeProgram

DEBIAN_AS_ROOT = Machine("Linux", "x64", root=True, debian=True)


@pytest.fixture(autouse=True)
def lists_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x_Packages").touch()
    monkeypatch.setattr(debian, "LISTS", tmp_path)
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)


def all_but(on_path: FakeProgram, *left_out: str) -> None:
    for programs in for_tests.PROGRAMS.values():
        if not programs[0].startswith("/") and programs[0] not in left_out:
            on_path(programs[0])


def test_what_is_missing_is_installed_on_debian_as_root(
    on_path: FakeProgram, calls: Callable[[], list[str]], store: Store, step: Step, tmp_path: Path
) -> None:
    all_but(on_path, "node", "psql")
    missing = for_tests.missing()
    assert {"nodejs", "postgresql-client"} <= set(missing)
    for name in ("node", "psql"):
        on_path(f"{name}.fresh")
    folder = tmp_path / "path"
    on_path("apt-get", f"/bin/mv '{folder}/node.fresh' '{folder}/node'; /bin/mv '{folder}/psql.fresh' '{folder}/psql'")
    for_tests.install(DEBIAN_AS_ROOT, store, step)
    assert len(calls()) == 1
    assert calls()[0].endswith(f"install -y --no-install-recommends {' '.join(missing)}")
    assert not {"nodejs", "postgresql-client"} & set(for_tests.missing())


@pytest.mark.parametrize(("root", "is_debian"), [(False, True), (True, False), (False, False)])
def test_elsewhere_nothing_is_installed_and_the_packages_are_named(
    on_path: FakeProgram, calls: Callable[[], list[str]], store: Store, out: io.StringIO, *, root: bool, is_debian: bool
) -> None:
    all_but(on_path, "node")
    on_path("apt-get")
    step = Step("tests", out)
    for_tests.install(Machine("Linux", "x64", root=root, debian=is_debian), store, step)
    step.finish()
    assert calls() == []
    assert "some tests are skipped without: " in out.getvalue()
    assert "nodejs" in out.getvalue()


def test_packages_that_cannot_be_had_do_not_stop_the_tests(
    on_path: FakeProgram, store: Store, step: Step, out: io.StringIO
) -> None:
    all_but(on_path, "node")
    on_path("apt-get", "echo 'E: no network' >&2; exit 100")
    for_tests.install(DEBIAN_AS_ROOT, store, step)
    step.finish()
    assert "E: no network" in " ".join(out.getvalue().split())
    assert "the tests that need them are skipped" in " ".join(out.getvalue().split())


def test_another_chromium_is_enough(on_path: FakeProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    all_but(on_path, "chromium")
    assert "chromium" in for_tests.missing()
    on_path("google-chrome-stable")
    assert "chromium" not in for_tests.missing()
    (on_path("google-chrome-stable")).unlink()
    monkeypatch.setenv("CHROMIUM_PATH", "/opt/chrome")
    assert "chromium" not in for_tests.missing()


def test_a_need_names_the_command_that_installs_it() -> None:
    assert needs.NODE.reason == "needs node on PATH: apt-get install -y nodejs"
