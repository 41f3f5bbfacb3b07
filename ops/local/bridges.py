"""The network bridges that Docker made, and does not remove if it is killed."""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from emulator.bridge_name import prefix

if TYPE_CHECKING:
    from ops.local.layout import Layout

SET_FLAGS, DELETE_BRIDGE = 0x8914, 0x89A1
"""SIOCSIFFLAGS and SIOCBRDELBR of linux/sockios.h."""


def exists(name: str) -> bool:
    """Tell whether there is a network interface of that name."""
    return name in _names()


def remove_left_over(layout: Layout) -> int:
    """Remove the bridges of the emulator's networks that no Docker has any more; return their number.

    Docker creates those again that it still needs.
    """
    ours = prefix((layout.root / "emulator").resolve())
    removed = 0
    for name in _names():
        if name.startswith(ours):
            with suppress(OSError):  # this user may not, or it is gone meanwhile
                delete(name)
                removed += 1
    return removed


def delete(name: str) -> None:
    """Do what `ip link delete` does, for machines without `ip`: see netdevice(7).

    Raises:
        OSError: this user may not, or it is not a bridge.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        # A bridge that is up is not deleted.
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", name.encode(), 0))
        fcntl.ioctl(any_socket, DELETE_BRIDGE, name.encode().ljust(16, b"\0"))


def _names() -> list[str]:
    return [name for _, name in socket.if_nameindex()]
