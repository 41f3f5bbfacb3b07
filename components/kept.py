"""The parts of an adopted service's configuration that the stack leaves unchanged on Railway."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from convos_infra.railway.service_configuration import ATTRIBUTES

if TYPE_CHECKING:
    from convos_infra.railway.service_configuration import ServiceConfiguration

    _Configuration = TypeVar("_Configuration", bound=ServiceConfiguration)

_FIELDS = {attribute.name: attribute.argument for attribute in ATTRIBUTES}


def without(configuration: _Configuration, kept: Collection[str]) -> _Configuration:
    """Return a configuration without some of its variables and attributes.

    Args:
        configuration: the configuration of a service.
        kept: the names of variables, and Railway's names of attributes (`healthcheckPath`).
    """
    if not kept:
        return configuration
    variables = configuration.variables
    if not isinstance(variables, Mapping):
        raise TypeError("variables must be a mapping of names to values, not an output of one")
    left = {name: value for name, value in variables.items() if name not in kept}
    fields: dict[str, Any] = {field: None for name, field in _FIELDS.items() if name in kept}
    sealed = [name for name in configuration.sealed_variables if name not in kept]
    return replace(configuration, variables=left, sealed_variables=sealed, kept=tuple(kept), **fields)
