"""Writes a stack's file completely or not at all: an interruption leaves the old file unchanged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import yaml

from ops import pulumi_cli, stacks
from ops.pulumi_cli import Pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ops.adopt.config import Described

_HOW_ENCRYPTED = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""The encryption of a stack's secrets: with another salt, the file's other secrets could not be decrypted."""
_PRIVATE = 0o600


def path_of(folder: Path, stack: str) -> Path:
    """Return the path of the file."""
    return folder / f"Pulumi.{stack}.yaml"


def has_config(file: Path) -> bool:
    """Tell whether a file with a config exists: `pulumi stack init` leaves a file with only a salt."""
    return file.exists() and bool(document(file).get("config"))


def document(file: Path) -> Mapping[str, Any]:
    """Return the file's document; empty if there is no file."""
    found = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
    return found if isinstance(found, dict) else {}


def write(folder: Path, stack: str, found: Described, backups: Path) -> Path | None:
    """Write the stack's file, with secrets encrypted by Pulumi; return the path of the backup, or None.

    Args:
        folder: the checkout.
        stack: the stack's name.
        found: its config.
        backups: the folder for the old file.

    Raises:
        PulumiError: Pulumi fails; the file is unchanged.
    """
    pulumi_cli.ensure(stack, folder)
    file = path_of(folder, stack)
    kept = {key: value for key, value in document(file).items() if key in _HOW_ENCRYPTED}
    config = {f"{stacks.PROJECT}:{key}": value for key, value in found.plain.items()}
    text = yaml.safe_dump({**kept, "config": config}, sort_keys=False, allow_unicode=True, width=1000)
    # In the same folder, as only a rename within one folder is atomic. No stack has this name, and git ignores it.
    draft = folder / f".Pulumi.{stack}.{os.getpid()}.yaml"
    try:
        _put(draft, text)
        for key, value in found.secrets.items():
            Pulumi(stack, folder).encrypt(key, value, file=draft)
        backup = _backed_up(file, backups) if has_config(file) else None
        _synced(draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return backup


def keep(folder: Path, name: str, text: str) -> None:
    """Write a file into a folder, completely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.{os.getpid()}"
    _put(draft, text)
    draft.replace(folder / name)


def next_number(folder: Path, name: str) -> int:
    """Return the number of the next backup of that name in a folder."""
    numbers = [one.suffix[1:] for one in folder.glob(f"{name}.*")]
    return 1 + max((int(number) for number in numbers if number.isdigit()), default=0)


def _backed_up(file: Path, backups: Path) -> Path:
    name = f"{file.name}.{next_number(backups, file.name)}"
    keep(backups, name, file.read_text(encoding="utf-8"))
    return backups / name


def _put(file: Path, text: str) -> None:
    file.touch(mode=_PRIVATE)
    file.write_text(text, encoding="utf-8")
    _synced(file)


def _synced(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
