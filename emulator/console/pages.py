"""The pages of projects, environments, services and deployments, with the map of references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from emulator.console import read
from emulator.console.markup import Markup, joined, link, table, tag
from emulator.console.reference_map import drawn
from emulator.console.shell import HOME, Visitor, document, needs_token, state_of, trail

if TYPE_CHECKING:
    from emulator.store import Document, Store

PROJECTS = (HOME, "Projects")
_DIGEST_SHOWN = len("sha256:") + 12


def projects(store: Store, visitor: Visitor) -> str:
    """Return the projects with their environments."""
    sections = []
    for project in read.living(store, "project"):
        rows = []
        for environment in read.living(store, "environment", projectId=project["id"]):
            here = read.services(store, environment)
            found = [read.deployments(store, environment["id"], id_) for id_ in here]
            runs = sum(1 for rows_ in found if read.running(rows_) is not None)
            rows.append([link(_at(environment), environment["name"]), str(len(here)), str(runs)])
        listed = table(f"Environments of {project['name']}", ("Environment", "Services", "Running"), rows)
        sections.append(_section(project["name"], listed))
    return document("Projects", visitor, joined(*sections or [tag("p", "There is no project.")]))


def environment(store: Store, visitor: Visitor, found: Document, *, values: bool) -> str:
    """Return an environment: services, shared variables, volumes, and the map of references."""
    here = read.services(store, found)
    rows = []
    for id_, service in here.items():
        past = read.deployments(store, found["id"], id_)
        newest, runs = (past[0] if past else None), read.running(past)
        rows.append(
            [
                link(f"/console/services/{found['id']}/{id_}", service["name"]),
                state_of(newest["status"] if newest else ""),
                _image((runs or newest or {}).get("meta", {})),
                (runs or {}).get("run", {}).get("mode") or "-",
                _address(runs),
            ]
        )
    edges = read.edges(store, found)
    parts = [
        _section("Services", table("Services", ("Service", "Newest deployment", "Image", "Run as", "Address"), rows)),
        _section("References", *_references(edges)),
        _section(
            "Shared variables",
            variables(visitor, found["config"].get("sharedVariables", {}), values=values, here=_at(found)),
        ),
        _section("Volumes", _volumes(store, read.volumes(store, found["id"]))),
    ]
    project = store.get("project", found["projectId"]) or {}
    title = f"Environment {found['name']} of {project.get('name')}"
    return document(title, visitor, joined(*parts), trail=trail(PROJECTS))


def service(store: Store, visitor: Visitor, found: Document, of: Document, *, values: bool) -> str:
    """Return a service of an environment: deployments, variables, domains, volumes.

    Args:
        store: the documents.
        visitor: the person who requests the page.
        found: the environment.
        of: the service.
        values: whether the visitor asked for the values of variables.
    """
    here = f"/console/services/{found['id']}/{of['id']}"
    config = found["config"].get("services", {}).get(of["id"], {})
    rows = [
        [
            link(f"/console/deployments/{row['id']}", _moment(row["createdAt"])),
            state_of(row["status"]),
            _image(row["meta"]),
            str(row["meta"].get("reason") or "-"),
        ]
        for row in read.deployments(store, found["id"], of["id"])
    ]
    domains = read.domains(store, found["id"], of["id"])
    parts = [
        _section("Deployments", table("Deployments", ("Made", "Status", "Image", "Reason"), rows)),
        _section("Variables", variables(visitor, config.get("variables", {}), values=values, here=here)),
        _section("Domains", tag("ul", *(tag("li", name) for name in domains)) if domains else tag("p", "None.")),
        _section("Volumes", _volumes(store, read.volumes(store, found["id"], of["id"]))),
    ]
    where = trail(PROJECTS, (_at(found), f"environment {found['name']}"))
    return document(f"Service {of['name']}", visitor, joined(*parts), trail=where)


def deployment(store: Store, visitor: Visitor, found: Document, lines: Sequence[str]) -> str:
    """Return a deployment with its log.

    Args:
        store: the documents.
        visitor: the person who requests the page.
        found: the deployment.
        lines: the lines of its log.
    """
    of = store.get("service", found["serviceId"]) or {}
    around = store.get("environment", found["environmentId"]) or {}
    facts = {
        "Status": state_of(found["status"]),
        "Made": _moment(found["createdAt"]),
        "Since": _moment(found["statusUpdatedAt"]),
        "Image": str(found["meta"].get("image") or found["meta"].get("repo") or "-"),
        "Reason": str(found["meta"].get("reason") or "-"),
        "Run as": str(found["run"]["mode"] or "-"),
        "Address": _address(found),
        "Id": found["id"],
    }
    told = tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()))
    parts = [tag("section", told), _section("Log", _log(visitor, found, lines))]
    where = trail(
        PROJECTS,
        (_at(around), f"environment {around.get('name')}"),
        (f"/console/services/{around.get('id')}/{of.get('id')}", f"service {of.get('name')}"),
    )
    return document(f"Deployment of {of.get('name')}", visitor, joined(*parts), trail=where, of="log")


def variables(visitor: Visitor, entries: dict[str, Any], *, values: bool, here: str) -> Markup:
    """Return variables as a table: values only for a visitor with the token who asks for them, sealed ones never.

    Args:
        visitor: the person who requests the page.
        entries: the variables, as the config has them.
        values: whether the visitor asked for values.
        here: the page's address.
    """
    shows = values and visitor.is_known
    rows = [
        [tag("code", one.name), _value(one, shows=shows), ", ".join(one.refers_to) or "-"]
        for one in read.variables(entries)
    ]
    if not rows:
        return tag("p", "None.")
    if not visitor.is_known:
        how = needs_token("Values are masked.", here)
    else:
        how = link(here, "Mask the values") if shows else link(f"{here}?values=shown", "Show the values")
    return joined(how, table("Variables", ("Name", "Value", "Refers to"), rows))


def _value(one: read.ShownVariable, *, shows: bool) -> Markup:
    if one.value is None:
        return tag("span", "sealed", class_="soft")
    return tag("code", one.value) if shows else tag("span", "••••••", class_="soft")


def _log(visitor: Visitor, found: Document, lines: Sequence[str]) -> Markup:
    if not visitor.is_known:
        return needs_token("A log may contain secrets.", f"/console/deployments/{found['id']}")
    return tag(
        "pre", "\n".join(lines) or "There are no lines yet.", id="log", tabindex=0, role="region", aria_label="Log"
    )


def _references(edges: list[read.ReferenceEdge]) -> Iterable[Markup]:
    if not edges:
        return [tag("p", "No variable refers to another service.")]
    words = [
        tag(
            "li",
            f"{edge.owner}: {edge.name} refers to {edge.target}",
            tag("strong", ", which does not exist", class_="bad") if edge.is_broken else Markup(""),
        )
        for edge in edges
    ]
    return [drawn(edges), tag("ul", *words)]


def _volumes(store: Store, rows: list[Document]) -> Markup:
    made = [
        [
            row.get("name") or "-",
            str((store.get("service", row.get("serviceId")) or {}).get("name") or "not mounted"),
            row.get("mountPath") or "-",
            f"{row.get('currentSizeMB') or 0:.0f} MB",
            row.get("state") or "-",
        ]
        for row in rows
    ]
    return table("Volumes", ("Volume", "Service", "Mounted at", "Data", "State"), made)


def _section(title: str, *parts: Markup) -> Markup:
    return tag("section", tag("h2", title), *parts)


def _at(found: Document) -> str:
    return f"/console/environments/{found.get('id')}"


def _moment(at: str) -> Markup:
    return tag("time", f"{at[:10]} {at[11:19]}", datetime=at)


def _image(meta: Document) -> str:
    name, _, digest = str(meta.get("image") or meta.get("repo") or "-").partition("@")
    return f"{name.rpartition('/')[2]} {digest[:_DIGEST_SHOWN]}".strip()


def _address(found: Document | None) -> str:
    address = str((found or {}).get("run", {}).get("address") or "")
    return link(f"http://{address}", address) if address.startswith("127.0.0.1:") else address or "-"
