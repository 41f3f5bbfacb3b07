"""Whose wrong keys are counted together."""

from __future__ import annotations

import pytest
from convos_pool.dashboard.caller import address_of

EDGE = "100.64.0.3"


@pytest.mark.parametrize(
    ("peer", "real_ip", "address"),
    [
        (EDGE, ["91.157.105.204"], "91.157.105.204"),
        (f"::ffff:{EDGE}", [" 91.157.105.204 "], "91.157.105.204"),
        ("127.0.0.1", ["91.157.105.204"], "91.157.105.204"),
        ("::1", ["91.157.105.204"], "91.157.105.204"),
        (EDGE, [], EDGE),
        # An agent, over the private network.
        ("fd12:7c3d::4", ["91.157.105.204"], "fd12:7c3d::/64"),
        ("10.7.0.4", ["91.157.105.204"], "10.7.0.4"),
        ("203.0.113.9", ["91.157.105.204"], "203.0.113.9"),
        ("100.128.0.1", ["91.157.105.204"], "100.128.0.1"),
        # What the edge does not send.
        (EDGE, ["91.157.105.204", "1.2.3.4"], EDGE),
        (EDGE, ["91.157.105.204, 1.2.3.4"], EDGE),
        (EDGE, ["x" * 5000], EDGE),
        (EDGE, [""], EDGE),
        # One customer has them all.
        (EDGE, ["2001:db8:1:2::7"], "2001:db8:1:2::/64"),
        (EDGE, ["2001:db8:1:2:ffff::9"], "2001:db8:1:2::/64"),
        ("", ["91.157.105.204"], ""),
        ("a-socket-file", [], "a-socket-file"),
    ],
)
def test_whose_wrong_keys_count_together(peer: str, real_ip: list[str], address: str) -> None:
    assert address_of(peer, real_ip) == address
