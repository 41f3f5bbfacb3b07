"""How far the build of an image is, from BuildKit's plain lines; with a bar where the sizes of layers are known. Pure.

The form of the lines is BuildKit's own (util/progress/progressui/printer.go): `#5 sha256:4f… 12.58MB / 28.23MB 0.3s`,
`#7 transferring context: 79.23MB 1.3s done`, `#8 [files 1/6] COPY runtime ./`, `#8 DONE 0.2s`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_LINE = re.compile(r"#\d+ (?P<said>.+)")
_LAYER = re.compile(
    r"(?P<layer>sha256:[0-9a-f]+) (?P<done>[0-9.]+)(?P<unit>[kMGT]?B) / (?P<total>[0-9.]+)(?P<of>[kMGT]?B)"
)
_NO_NEWS = re.compile(r"(DONE|CACHED)\b|\.\.\.$|extracting sha256:|sha256:[0-9a-f]+$")
_TIMES = re.compile(r"( [0-9.]+s)?( done)?$")
_UNITS: Mapping[str, float] = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
CELLS = 20
LONGEST = 60
"""How many characters of a line are shown: its beginning says what is done."""


@dataclass(frozen=True)
class BuildProgress:
    """How far a build is.

    Attributes:
        said: what it does now, in BuildKit's words; empty before it said anything.
        layers: of each layer that is pulled, how many bytes there are and how many there will be.
    """

    said: str = ""
    layers: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def after(self, line: str) -> BuildProgress:
        """Return it after another line of BuildKit."""
        found = _LINE.match(line.strip())
        said = found["said"] if found else ""
        if layer := _LAYER.match(said):
            size = _bytes(layer["done"], layer["unit"]), _bytes(layer["total"], layer["of"])
            layers = {**self.layers, layer["layer"]: size}
            return replace(self, said=_pulled(layers), layers=layers)
        if not said or _NO_NEWS.match(said):
            return self
        return replace(self, said=_shortened(_TIMES.sub("", said)))


def _shortened(said: str) -> str:
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def _bytes(number: str, unit: str) -> float:
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        return 0.0


def _pulled(layers: Mapping[str, tuple[float, float]]) -> str:
    done, total = (sum(size[which] for size in layers.values()) for which in (0, 1))
    part = min(done / total, 1.0) if total else 0.0
    filled = round(part * CELLS)
    return f"pulling [{'#' * filled}{'-' * (CELLS - filled)}] {done / 1e6:.0f} of {total / 1e6:.0f} MB"
