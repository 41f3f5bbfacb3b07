"""What Railway may do where a belief about it is disputed: the emulator's default, or the other behaviour."""

from __future__ import annotations

import os
from collections.abc import Mapping

from emulator.settings import CHOICES, DISPUTED, Settings

OTHER: Mapping[str, str | bool] = {
    name: CHOICES[name][1] if name in CHOICES else not getattr(Settings(), name) for name in sorted(DISPUTED)
}
"""The other behaviour by the name of the setting."""
# How far a project token reaches has tests of its own: with `strict` no stack is updated with one.
_STRICT = OTHER if os.environ.get("OTHER_RAILWAY") else {}
CHOSEN: Mapping[str, str | bool] = {name: value for name, value in _STRICT.items() if name != "project_token"}
"""The settings of a run with OTHER_RAILWAY=1, in which everything else is the other way round too."""
