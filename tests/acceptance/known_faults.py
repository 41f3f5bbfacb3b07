"""All faults that were seen with a real input before they were tests: `pytest -m S7` runs those of one entry.

S: between a state and reality. R: images, retention and workflows. E: the machine, its shell, paths and values.
M: migrations.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.acceptance import delivery_faults, machine_faults, schema_faults, state_faults
from tests.acceptance.fault import Fault

FAULTS: Mapping[str, Fault] = {
    **state_faults.FAULTS,
    **delivery_faults.FAULTS,
    **machine_faults.FAULTS,
    **schema_faults.FAULTS,
}


def names_of(nodeid: str) -> list[str]:
    """Return the entries that a test belongs to, by its id with or without the case's name."""
    plain = nodeid.partition("[")[0]
    return [name for name, fault in FAULTS.items() if nodeid in fault.tests or plain in fault.tests]
