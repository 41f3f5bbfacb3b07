"""What every state holds of a provider: its class by name, in the same bytes whatever Python wrote it."""

from __future__ import annotations

import base64
import json
import os
import pickle
import pickletools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest

from tests import needs

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "pickle_providers.py"
# A class that states hold never leaves this file; a new one is added to it.
RECORDED: dict[str, str] = json.loads((Path(__file__).parent / "data" / "providers.json").read_text())
MOST_BYTES = 100
OTHERS = [version for version in ("3.11", "3.12", "3.13") if version != f"3.{sys.version_info.minor}"]


def serialised(python: str, *words: str) -> dict[str, str]:
    """Return every provider of the program as the SDK serialises it under that Python."""
    packages = Path(pulumi.__file__).parents[1]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
    }
    ran = subprocess.run([python, str(SCRIPT), *words], env=env, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def pythons(version: str) -> Iterator[str]:
    """Yield where an interpreter of that version may be."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from (str(found) for found in sorted(versions.glob(f"{version}.*/bin/python")))


def works(python: str, version: str) -> bool:
    """Tell whether it is of that version; pyenv's shims are there for versions that are not chosen, too."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([python, "-c", program], capture_output=True, text=True, timeout=30)
    return ran.returncode == 0 and ran.stdout.strip() == version


def test_every_provider_is_written_to_the_state_in_exactly_the_recorded_bytes() -> None:
    assert serialised(sys.executable) == RECORDED


@pytest.mark.parametrize("version", OTHERS)
def test_another_supported_python_writes_the_same_bytes(version: str) -> None:
    python = next((found for found in pythons(version) if works(found, version)), None)
    if python is None:
        needs.python(version).skip()
    assert serialised(python, "--without-compiled") == RECORDED


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_provider_is_its_class_by_name_and_opens_as_todays(name: str) -> None:
    module, _, qualname = name.rpartition(".")
    data = base64.b64decode(RECORDED[name])
    assert [given for _, given, _ in pickletools.genops(data) if isinstance(given, str)] == [module, qualname]
    assert len(data) <= MOST_BYTES
    opened = pickle.loads(data)
    assert (type(opened).__module__, type(opened).__qualname__) == (module, qualname)
    assert vars(opened) == {}
