"""The register of beliefs, read from `register.toml` and checked.

TOML and not Python: a belief is a sentence with its evidence, which people who do not know this code correct, and which
other tools may read; pydantic says what is wrong with an entry, by its path.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

FILE = Path(__file__).with_name("register.toml")
Confidence = Literal["documented", "seen", "inferred", "disputed"]
UNSETTLED: tuple[Confidence, ...] = ("inferred", "disputed")
"""Beliefs with these need a scenario: nobody has seen the behaviour, or the sources disagree."""
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class Source(BaseModel):
    """Where evidence is from.

    Attributes:
        name: the public repository, documentation or schema.
        version: which version of it was read; empty if it has none.
        url: where it is; empty if it has no public address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Text
    version: str = ""
    url: str = Field(default="", pattern=r"^(https://\S+)?$")


class Belief(BaseModel):
    """One thing that Railway does.

    Attributes:
        says: what it does.
        confidence: how well it is known.
        evidence: a source, and the place in it.
        emulator: how the emulator behaves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    says: Text
    confidence: Confidence
    evidence: Annotated[tuple[Text, ...], Field(min_length=1)]
    emulator: Text


class Register(BaseModel):
    """All beliefs by their ids, and the sources of their evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    belief: Mapping[Id, Belief]
    source: Mapping[Id, Source]

    @model_validator(mode="after")
    def _is_whole(self) -> Register:
        """Refuse ids out of order, evidence of an unknown source, and a source without evidence."""
        for kind, ids in (("belief", list(self.belief)), ("source", list(self.source))):
            if ids != sorted(ids):
                raise ValueError(f"the entries of {kind} are sorted by id")
        used = {source_of(text)[0] for belief in self.belief.values() for text in belief.evidence}
        if used != self.source.keys():
            raise ValueError(f"sources without an entry, or that nothing uses: {sorted(used ^ self.source.keys())}")
        return self


def source_of(evidence: str) -> tuple[str, str]:
    """Return the source of a piece of evidence, and the place in it."""
    source, _, place = evidence.partition(" ")
    return source, place


def parsed(text: str) -> Register:
    """Return a register.

    Raises:
        ValueError: it is not TOML, or an entry is invalid.
    """
    return Register.model_validate(tomllib.loads(text))


@functools.cache
def register() -> Register:
    """Return the register of this checkout."""
    return parsed(FILE.read_text(encoding="utf-8"))
