"""The vendor's pinned release of Pulumi, verified by a checksum: one committed here, else from the vendor's own list.

The list is on another host than the archive, so a compromised site or mirror cannot confirm its own archive. If
`checksums.txt` has no line for a platform, the first download into a cache trusts that list and says so. From then
on, that cache accepts nothing else for this version, whatever the list contains.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ops.toolchain.errors import ToolError
from ops.toolchain.pins import CHECKSUM_LIST, HERE, PULUMI, PULUMI_PROGRAMS, RELEASES
from ops.toolchain.store import Store, write_atomically

if TYPE_CHECKING:
    from ops.toolchain.console import Step
    from ops.toolchain.machine import Machine

CHECKSUMS = HERE / "checksums.txt"
TRUSTED = "trusted-releases.txt"
"""In the cache: the checksums of first downloads."""
CONNECT_SECONDS = 10.0
"""Also the longest pause between two reads: an unreachable site must not delay a fresh machine for minutes."""
PLATFORMS = ("linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64")
_HEADER = """\
# sha256 of the vendor's releases, as `sha256sum` writes it; filled by `make toolchain-checksums`.
# If a platform has no line here, its first download is checked by the vendor's list, and the cache keeps its checksum.
"""


def archive(platform: str) -> str:
    """Return the vendor's file name for a platform such as `linux-x64`."""
    return f"pulumi-v{PULUMI}-{platform}.tar.gz"


def platform_of(machine: Machine) -> str:
    """Return the platform in the notation of the vendor's file names."""
    return f"{machine.system.lower()}-{machine.arch}"


def read_checksums(path: Path = CHECKSUMS) -> dict[str, str]:
    """Return sha256 by file name, from a file in the format of `sha256sum`."""
    return _pairs(path.read_text() if path.exists() else "")


def _pairs(text: str) -> dict[str, str]:
    pairs = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {pair[1].lstrip("*"): pair[0] for pair in pairs if len(pair) == 2}


def site() -> str:
    """Return the site of the releases: the vendor's, or a mirror of it in `CONVOS_PULUMI_RELEASES`."""
    return os.environ.get("CONVOS_PULUMI_RELEASES", RELEASES).rstrip("/")


def published_checksum(name: str) -> str:
    """Return the sha256 of an archive of the pinned version, from the vendor's own list.

    Raises:
        ToolError: the list is out of reach, or does not contain the archive.
    """
    url = os.environ.get("CONVOS_PULUMI_CHECKSUMS", CHECKSUM_LIST)
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:  # noqa: S310
            listed = _pairs(answer.read(1 << 20).decode(errors="replace"))
    except OSError as error:
        raise ToolError("release", f"{url} is out of reach ({_reason(error)})") from None
    if not re.fullmatch(r"[0-9a-f]{64}", listed.get(name, "")):
        raise ToolError("release", f"{url} has no sha256 of {name}")
    return listed[name]


def fetch(url: str, target: Path) -> str:
    """Download to a file and return its sha256.

    Raises:
        OSError: the site is out of reach or refuses; urllib's errors are all subclasses of it.
    """
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer, target.open("wb") as file:  # noqa: S310
        while chunk := answer.read(1 << 20):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def install(machine: Machine, checksum: str, store: Store, step: Step) -> None:
    """Install the pinned release into the cache, unless it is already there.

    Args:
        machine: determines the platform.
        checksum: the committed sha256; if empty, the vendor's published one is used.
        store: the cache.
        step: shows the progress.

    Raises:
        ToolError: the site is out of reach, or the archive does not match the pin.
    """
    name = archive(platform_of(machine))
    source = "ops/toolchain/checksums.txt"
    trusted = store.root / TRUSTED
    if not checksum:
        source = f"{trusted}, of the first download,"
        checksum = read_checksums(trusted).get(name, "")
    is_first = not checksum
    if is_first:
        source = "the vendor's list"
        checksum = published_checksum(name)
    if store.is_current("release", checksum):
        return
    with store.workspace() as work:
        step.doing(f"downloading {name}", slow=True)
        try:
            got = fetch(f"{site()}/{name}", work / name)
        except OSError as error:
            raise ToolError("release", f"{site()} is out of reach ({_reason(error)})") from None
        if got != checksum:
            raise ToolError(
                "release",
                f"{name} has sha256 {got[:12]}…, {source} says {checksum[:12]}…",
                "do not use it; tell the maintainers",
            )
        store.install("release", checksum, list(_unpack(work / name, work)))
        if is_first:
            _trust(trusted, name, checksum)
            step.note(f"{name}: trusted because of the vendor's list; pinned from now on in {trusted}")


def _trust(file: Path, name: str, checksum: str) -> None:
    """Record the checksum of a first download; this cache accepts nothing else under this name."""
    known = {**read_checksums(file), name: checksum}
    write_atomically(file, "".join(f"{found}  {archive_name}\n" for archive_name, found in sorted(known.items())))


def _unpack(archive_file: Path, folder: Path) -> Iterator[Path]:
    """Unpack the programs under their plain names; paths inside the archive are never used."""
    with tarfile.open(archive_file) as tar:
        for member in tar.getmembers():
            name = Path(member.name).name
            content = tar.extractfile(member) if member.isfile() and name in PULUMI_PROGRAMS else None
            if content is not None:
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                yield folder / name


def pin(step: Step) -> None:
    """Download every platform's release and record its checksum: a maintainer's task after changing the version.

    Raises:
        ToolError: the site is out of reach.
    """
    lines = [_HEADER]
    for platform in PLATFORMS:
        name = archive(platform)
        target = CHECKSUMS.with_name(f".{name}")
        step.doing(f"downloading {name}", slow=True)
        try:
            lines.append(f"{fetch(f'{site()}/{name}', target)}  {name}\n")
        except OSError as error:
            raise ToolError("checksums", f"{site()} is out of reach ({_reason(error)})", "run it where it is") from None
        finally:
            target.unlink(missing_ok=True)
    write_atomically(CHECKSUMS, "".join(lines))


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", error))
