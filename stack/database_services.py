"""The arguments of the services in `databases`: what the program declares and what `make adopt` compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from components.kept import without
from components.railway_service import ServiceParts
from convos_infra.railway.service_configuration import ServiceConfiguration

if TYPE_CHECKING:
    import pulumi

    from components.environment import EnvironmentPlace
    from stack.databases import FurtherDatabase


def configuration(
    entry: FurtherDatabase, place: EnvironmentPlace, variables: Mapping[str, pulumi.Input[str]]
) -> ServiceConfiguration:
    """Return the configuration of an entry's service.

    Args:
        entry: the entry.
        place: where the service is created.
        variables: the entry's variables; secret ones are Pulumi secrets if they are stored in a state.
    """
    given = ServiceConfiguration(
        image=entry.image or None,
        variables=variables,
        overwrite_changes=place.overwrite_changes,
        as_found=place.as_found,
    )
    return without(given, entry.kept)


def parts(entry: FurtherDatabase, replace_volume: str) -> ServiceParts:
    """Return the volume and the TCP proxy of an entry's service.

    Args:
        entry: the entry.
        replace_volume: the value of the config key `replaceVolume`: a service, whose deleted volume may be replaced.
    """
    port = entry.port if entry.proxy else None
    return ServiceParts(volume=entry.volume, replace_volume=replace_volume == entry.service, proxy_port=port)
