"""The text about a reference without a target: both of its ends, and what to do next. Pure."""

from __future__ import annotations

from convos_infra.railway.references import DeadEnd, DeadEndKind


def problem(end: DeadEnd) -> str:
    """Return which reference has no target and why, as text that follows the service's name; never a value."""
    way = "".join(f" by way of {place}" for place in end.way[1:2]) + "".join(f" and {place}" for place in end.way[2:])
    if end.kind is DeadEndKind.UNREADABLE:
        return f"{end.start.name} contains ${{{{…}}}}{way} that Railway does not read as a reference"
    return f"{end.start.name} refers to {end.reference}{way}, {_why(end)}"


def next_step(end: DeadEnd) -> str:
    """Return what to do about it."""
    owner, name = end.end.owner, end.end.name
    if end.renamed:
        return (
            f"pulumi refresh records the new name and the next pulumi up gives {owner} its name back; "
            f"or refer to {end.near}"
        )
    if end.kind is DeadEndKind.UNREADABLE:
        return f"write {end.near or '${{VARIABLE}}, ${{service.VARIABLE}} or ${{shared.VARIABLE}}'}"
    if end.kind is DeadEndKind.EMPTY:
        return f"give {name} a value, or set {end.start.name} to the empty text itself"
    if end.kind in (DeadEndKind.SELF, DeadEndKind.CYCLE, DeadEndKind.TOO_DEEP):
        return f"give {end.end} a value of its own"
    made = f"service {owner}" if end.kind in (DeadEndKind.MISSING_SERVICE, DeadEndKind.NO_INSTANCE) else str(end.end)
    return f"correct the reference; where this program makes {made}, let {end.start.owner} depend on it (depends_on)"


def _why(end: DeadEnd) -> str:
    owner, name = end.end.owner, end.end.name
    why = {
        DeadEndKind.MISSING_SERVICE: f"but no service of this environment is named {owner}",
        DeadEndKind.NO_INSTANCE: f"but service {owner} has no instance in this environment",
        DeadEndKind.MISSING_VARIABLE: f"but service {owner} has no variable {name}",
        DeadEndKind.MISSING_SHARED: f"but this environment has no shared variable {name}",
        DeadEndKind.SELF: "which is the variable itself",
        DeadEndKind.CYCLE: f"which leads back to {end.end}",
        DeadEndKind.TOO_DEEP: "after too many references that refer to references",
        DeadEndKind.EMPTY: "which is empty",
    }[end.kind]
    return f"{why}{_hint(end)}"


def _hint(end: DeadEnd) -> str:
    if end.kind is DeadEndKind.MISSING_VARIABLE and end.end.name in _NEEDS:
        return f" (Railway provides it only with {_NEEDS[end.end.name]})"
    if not end.near:
        return ""
    if end.renamed:
        return f" (it was renamed to {end.near})"
    meant = end.end.owner if end.kind is DeadEndKind.MISSING_SERVICE else end.end.name
    if end.near.lower() == meant.lower():
        return f" (names are case-sensitive: {end.near}?)"
    return f" ({end.near}?)"


_NEEDS = {
    "RAILWAY_PUBLIC_DOMAIN": "a domain",
    "RAILWAY_TCP_PROXY_DOMAIN": "a TCP proxy",
    "RAILWAY_TCP_PROXY_PORT": "a TCP proxy",
    "RAILWAY_TCP_APPLICATION_PORT": "a TCP proxy",
    "RAILWAY_VOLUME_NAME": "a volume",
    "RAILWAY_VOLUME_MOUNT_PATH": "a volume",
    "PORT": "a variable PORT of the service's own",
}
