"""Bridges that a killed Docker has left are removed, and no others."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest

from emulator.bridge_name import bridge_name
from ops.local import bridges
from ops.local.layout import Layout
from tests import needs

ADD_BRIDGE = 0x89A0
"""SIOCBRADDBR of linux/sockios.h."""


def add(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, ADD_BRIDGE, name.encode().ljust(16, b"\0"))


def test_a_name_is_short_enough_and_belongs_to_its_folder_and_environment() -> None:
    names = {bridge_name(Path(folder), environment) for folder in ("/a", "/b") for environment in ("x", "y")}
    assert len(names) == 4
    assert {len(name) for name in names} == {14}


@pytest.mark.skipif(os.geteuid() != 0, reason=needs.ROOT.reason)
def test_bridges_of_a_local_stack_are_removed_and_those_of_another_one_stay(tmp_path: Path) -> None:
    layouts = [Layout(tmp_path, tmp_path / name) for name in ("mine", "others")]
    names = [bridge_name(layout.root / "emulator", environment) for layout in layouts for environment in ("x", "y")]
    try:
        for name in names:
            add(name)
        assert bridges.remove_left_over(layouts[0]) == 2
        assert [bridges.exists(name) for name in names] == [False, False, True, True]
        assert bridges.remove_left_over(layouts[0]) == 0
    finally:
        assert bridges.remove_left_over(layouts[1]) == 2
