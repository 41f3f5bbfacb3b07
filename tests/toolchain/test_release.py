"""The vendor's release is used only when its bytes are the pinned ones; the vendor's site here is on loopback."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import io
import re
import shutil
import tarfile
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ops.toolchain import gomod, pins, release
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import Machine
from tests import needs

if TYPE_CHECKING:
    from pathlib import Path

    from ops.toolchain.console import Step
    from ops.toolchain.store import Store

MACHINE = Machine("Linux", "x64", root=False, debian=False)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("CONVOS_PULUMI_RELEASES", f"http://127.0.0.1:{server.server_port}/")
        yield folder
        server.shutdown()
        thread.join()


def put_release(folder: Path, names: tuple[str, ...] = pins.PULUMI_PROGRAMS) -> str:
    file = folder / release.archive("linux-x64")
    with tarfile.open(file, "w:gz") as tar:
        for name in names:
            data = f"program {name}".encode()
            member = tarfile.TarInfo(f"pulumi/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_pinned_release_is_installed_with_its_run_bits(site: Path, store: Store, step: Step) -> None:
    release.install(MACHINE, put_release(site), store, step)
    assert pins.PULUMI_PROGRAMS
    for name in pins.PULUMI_PROGRAMS:
        assert (store.bin / name).read_text() == f"program {name}"
        assert (store.bin / name).stat().st_mode & 0o111


def test_the_second_time_nothing_is_downloaded(site: Path, store: Store, step: Step) -> None:
    checksum = put_release(site)
    release.install(MACHINE, checksum, store, step)
    (site / release.archive("linux-x64")).unlink()
    release.install(MACHINE, checksum, store, step)
    assert (store.bin / "pulumi").exists()


def test_other_bytes_than_the_pinned_ones_are_refused_and_leave_nothing(site: Path, store: Store, step: Step) -> None:
    put_release(site)
    with pytest.raises(ToolError, match=r"checksums\.txt says aaaaaaaaaaaa…; do not use it"):
        release.install(MACHINE, "a" * 64, store, step)
    assert not (store.bin / "pulumi").exists()


def test_without_a_committed_checksum_the_vendors_list_decides(
    site: Path, store: Store, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    checksum = put_release(site)
    listed = site / "list.txt"
    monkeypatch.setenv("CONVOS_PULUMI_CHECKSUMS", f"{release.site()}/list.txt")
    listed.write_text(f"{'b' * 64}  {release.archive('linux-x64')}\n")
    with pytest.raises(ToolError, match="the vendor's list says bbbbbbbbbbbb…; do not use it"):
        release.install(MACHINE, "", store, step)
    listed.write_text("<html>sign in</html>")
    with pytest.raises(ToolError, match="has no sha256 of pulumi-v"):
        release.install(MACHINE, "", store, step)
    listed.write_text(f"{checksum}  {release.archive('linux-x64')}\n")
    release.install(MACHINE, "", store, step)
    assert (store.bin / "pulumi").exists()
    # The first download is trusted, and then pinned: the list is not asked again, and another archive is not taken.
    listed.write_text(f"{'b' * 64}  {release.archive('linux-x64')}\n")
    release.install(MACHINE, "", store, step)
    (store.bin / "pulumi").unlink()
    (site / release.archive("linux-x64")).write_bytes(b"another release of the same name")
    with pytest.raises(ToolError, match=r"trusted-releases\.txt, of the first download, says .*; do not use it"):
        release.install(MACHINE, "", store, step)
    assert not (store.bin / "pulumi").exists()


def test_a_module_that_go_sum_does_not_vouch_for_is_not_built(store: Store, step: Step, tmp_path: Path) -> None:
    """The way without the vendor's site: go itself compares each module with the committed go.sum."""
    if shutil.which("go") is None:
        needs.GO.skip()
    sums = (pins.PULUMI_MODULE.folder / "go.sum").read_text()
    for name in ("go.mod", "tools.go"):
        if (pins.PULUMI_MODULE.folder / name).exists():
            shutil.copyfile(pins.PULUMI_MODULE.folder / name, tmp_path / name)
    wanted = re.compile(rf"^(github.com/pulumi/pulumi/pkg/v3 v{re.escape(pins.PULUMI)} h1:)(.)", re.MULTILINE)
    broken, count = wanted.subn(lambda found: found[1] + ("B" if found[2] != "B" else "C"), sums)
    assert count == 1
    (tmp_path / "go.sum").write_text(broken)
    module = dataclasses.replace(pins.PULUMI_MODULE, folder=tmp_path)
    with pytest.raises(ToolError) as caught:
        gomod.build(module, store, step)
    if "dial tcp" in str(caught.value):
        needs.GO_MODULES.skip()
    assert "go.sum; do not use it" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (store.bin / "pulumi").exists()


def test_a_site_out_of_reach_is_one_line(store: Store, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOS_PULUMI_RELEASES", "http://127.0.0.1:9")
    with pytest.raises(ToolError, match="out of reach") as caught:
        release.install(MACHINE, "a" * 64, store, step)
    assert "\n" not in str(caught.value)


def test_a_path_in_the_archive_that_leads_out_is_not_followed(
    site: Path, store: Store, step: Step, tmp_path: Path
) -> None:
    checksum = put_release(site, ("../../../outside/pulumi", "../../pulumi-language-python"))
    release.install(MACHINE, checksum, store, step)
    assert (store.bin / "pulumi").exists()
    assert not (tmp_path / "outside").exists()


def test_checksums_are_read_in_the_format_of_sha256sum(tmp_path: Path) -> None:
    file = tmp_path / "checksums.txt"
    file.write_text(f"# comment\n\n{'a' * 64}  one.tar.gz\n{'b' * 64} *two.tar.gz\nbroken\n")
    assert release.read_checksums(file) == {"one.tar.gz": "a" * 64, "two.tar.gz": "b" * 64}
    assert release.read_checksums(tmp_path / "missing") == {}


def test_a_maintainer_pins_every_platform_at_once(
    site: Path, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for platform in release.PLATFORMS:
        (site / release.archive(platform)).write_text(platform)
    monkeypatch.setattr(release, "CHECKSUMS", tmp_path / "checksums.txt")
    release.pin(step)
    pinned = release.read_checksums(tmp_path / "checksums.txt")
    assert pinned[release.archive("darwin-arm64")] == hashlib.sha256(b"darwin-arm64").hexdigest()
    assert len(pinned) == 4
