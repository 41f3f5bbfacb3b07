"""The console's routes. Without the account token, they show names and statuses, but no logs, values or forms."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from emulator.console import pages, read, switches
from emulator.console.calls import calls, chosen
from emulator.console.markup import joined, tag
from emulator.console.sessions import COOKIE, SESSION_SECONDS, ConsoleSessions
from emulator.console.shell import HOME, Visitor, document, login_form

if TYPE_CHECKING:
    from starlette.requests import Request

    from emulator.api.request import World
    from emulator.faults import Faults
    from emulator.ledger import Ledger

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with it, a browser would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATIC = Path(__file__).parent / "static"
TYPES = {"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8"}
MAX_FORM_BYTES = 100_000
LOOK_SECONDS = 1.0
"""How often, in seconds, a stream checks whether there is something new to show."""
LOG_SECONDS = 2.0
"""How often, in seconds, an open page of a deployment reads its log again."""
ALIVE_SECONDS = 15.0
MOST_STREAMS = 50
FOREIGN = "The login has ended, or the form is from another page. Load the page again."


class Console:
    """The pages of the console.

    Args:
        world: the parts of the emulator.
        ledger: the ledger of requests.
        faults: the planted faults.
        token: the account token.
        with_switches: whether there are forms for faults and settings.
    """

    def __init__(self, world: World, ledger: Ledger, faults: Faults, token: str, *, with_switches: bool) -> None:
        self._world, self._ledger, self._faults = world, ledger, faults
        self._sessions = ConsoleSessions(token)
        self._with_switches = with_switches
        self._files = {name: (STATIC / name).read_bytes() for name in TYPES}
        self._assets = hashlib.sha256(b"".join(self._files.values())).hexdigest()[:16]
        self._streams = 0

    def routes(self) -> list[Route]:
        """Return the routes."""
        found = [
            Route("/", self.index),
            Route("/console", self.projects),
            Route("/console/environments/{id}", self.environment),
            Route("/console/services/{environment}/{id}", self.service),
            Route("/console/deployments/{id}", self.deployment),
            Route("/console/calls", self.calls),
            Route("/console/stream", self.stream),
            Route("/console/login", self.login, methods=["GET", "POST"]),
            Route("/console/logout", self.logout, methods=["POST"]),
            Route("/console/static/{name}", self.static),
        ]
        if self._with_switches:
            found += [
                Route("/console/switches", self.switches),
                Route("/console/faults", self.plant, methods=["POST"]),
                Route("/console/no-faults", self.forget, methods=["POST"]),
                Route("/console/settings", self.change, methods=["POST"]),
            ]
        return found

    async def index(self, _: Request) -> Response:
        """Redirect to the console, to whose paths the login cookie is limited.

        Browsers do not separate cookies by port, so another server on this machine sees those whose path matches.
        """
        return RedirectResponse(HOME, 307, HEADERS)

    async def projects(self, request: Request) -> Response:
        """Show all projects."""
        return await self._page(lambda: pages.projects(self._world.store, self._visitor(request)))

    async def environment(self, request: Request) -> Response:
        """Show one environment."""

        def made() -> str | None:
            found = self._world.store.get("environment", request.path_params["id"])
            if found is None or found.get("deletedAt"):
                return None
            values = request.query_params.get("values") == "shown"
            return pages.environment(self._world.store, self._visitor(request), found, values=values)

        return await self._page(made)

    async def service(self, request: Request) -> Response:
        """Show one service."""

        def made() -> str | None:
            store = self._world.store
            found = store.get("environment", request.path_params["environment"])
            of = store.get("service", request.path_params["id"])
            if not found or not of or found.get("deletedAt") or of.get("deletedAt"):
                return None
            values = request.query_params.get("values") == "shown"
            return pages.service(store, self._visitor(request), found, of, values=values)

        return await self._page(made)

    async def deployment(self, request: Request) -> Response:
        """Show one deployment."""
        store, visitor = self._world.store, self._visitor(request)
        found = store.get("deployment", request.path_params["id"])
        if found is None:
            return _missing(self._stranger())
        # Docker is asked before the store is locked, so that nobody else waits for it.
        lines = await run_in_threadpool(self._world.deployments.log, found) if visitor.is_known else []
        return await self._page(lambda: pages.deployment(store, visitor, found, lines))

    async def calls(self, request: Request) -> Response:
        """Show the ledger."""
        asked = chosen(request.query_params)
        return await self._page(lambda: calls(self._visitor(request), self._ledger.calls(), asked))

    async def switches(self, request: Request) -> Response:
        """Show faults and settings."""
        return self._switches(request)

    async def plant(self, request: Request) -> Response:
        """Plant a fault."""

        def planted(fields: dict[str, str]) -> str:
            fault = self._faults.plant(switches.fault_of(fields))
            return f"Planted: {fault.kind} for {fault.operation or 'any operation'}."

        return await self._act(request, planted)

    async def forget(self, request: Request) -> Response:
        """Remove all faults."""

        def forgotten(_: dict[str, str]) -> str:
            self._faults.clear()
            return "All faults are forgotten."

        return await self._act(request, forgotten)

    async def change(self, request: Request) -> Response:
        """Change settings."""

        def changed(fields: dict[str, str]) -> str:
            values = switches.settings_of(fields, self._world.settings.current)
            self._world.settings.change(values)
            return f"Changed: {', '.join(values)}." if values else "Nothing was changed."

        return await self._act(request, changed)

    async def login(self, request: Request) -> Response:
        """Take the account token."""
        if request.method == "GET":
            return self._login("", request.query_params.get("to", HOME))
        fields = await _fields(request)
        cookie = self._sessions.begin(fields.get("token", ""))
        if cookie is None:
            return self._login("That is not the account token.", fields.get("to", HOME), 401)
        answer = RedirectResponse(_own(fields.get("to", HOME)), 303, HEADERS)
        answer.set_cookie(COOKIE, cookie, max_age=SESSION_SECONDS, httponly=True, samesite="strict", path=HOME)
        return answer

    async def logout(self, request: Request) -> Response:
        """End a login."""
        if self._is_ours(request, await _fields(request)):
            self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(HOME, 303, HEADERS)
        answer.delete_cookie(COOKIE, path=HOME)
        return answer

    async def static(self, request: Request) -> Response:
        """Send the style sheet or the script."""
        name = str(request.path_params["name"])
        if name not in TYPES:
            return _missing(self._visitor(request))
        cached = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(self._files[name], headers={**HEADERS, **cached, "Content-Type": TYPES[name]})

    async def stream(self, request: Request) -> Response:
        """Send a server-sent event whenever there is something new to show."""
        if self._streams >= MOST_STREAMS:
            # 204 tells a browser not to reconnect.
            return Response(status_code=204)
        news = self._news(request.query_params.get("of", ""))
        return StreamingResponse(news, media_type="text/event-stream", headers=HEADERS)

    async def _news(self, of: str) -> AsyncIterator[str]:
        self._streams += 1
        try:
            before, silent = "", 0.0
            while not self._world.deployments.closing:
                now = await run_in_threadpool(self._version, of)
                if now != before:
                    before, silent = now, 0.0
                    yield "event: look\ndata: \n\n"
                elif silent >= ALIVE_SECONDS:
                    silent = 0.0
                    yield ": nothing new\n\n"
                await asyncio.sleep(LOOK_SECONDS)
                silent += LOOK_SECONDS
        finally:
            self._streams -= 1

    def _version(self, of: str) -> str:
        if of == "calls":
            return self._ledger.version()
        # Only Docker knows the output of a container.
        return f"{time.monotonic() // LOG_SECONDS}" if of == "log" else read.version(self._world.store)

    async def _page(self, made: Callable[[], str | None]) -> Response:
        def locked() -> str | None:
            with self._world.store.lock:
                return made()

        text = await run_in_threadpool(locked)
        return _missing(self._stranger()) if text is None else HTMLResponse(text, 200, HEADERS)

    async def _act(self, request: Request, act: Callable[[dict[str, str]], str]) -> Response:
        fields = await _fields(request)
        if not self._is_ours(request, fields):
            return self._switches(request, problem=FOREIGN, status=403)
        try:
            return self._switches(request, said=act(fields))
        except ValueError as error:
            return self._switches(request, problem=str(error), status=400)

    def _switches(self, request: Request, *, said: str = "", problem: str = "", status: int = 200) -> Response:
        visitor, settings = self._visitor(request), self._world.settings.current
        text = switches.switches(visitor, settings, self._faults.planted(), said=said, problem=problem)
        return HTMLResponse(text, status, HEADERS)

    def _login(self, problem: str, to: str, status: int = 200) -> Response:
        return HTMLResponse(
            document("Log in", self._stranger(), login_form(problem, _own(to)), of="none"), status, HEADERS
        )

    def _visitor(self, request: Request) -> Visitor:
        return replace(self._stranger(), form_token=self._sessions.form_token(request.cookies.get(COOKIE, "")))

    def _stranger(self) -> Visitor:
        return Visitor(with_switches=self._with_switches, assets=self._assets)

    def _is_ours(self, request: Request, fields: dict[str, str]) -> bool:
        wanted = self._visitor(request).form_token
        return bool(wanted) and hmac.compare_digest(fields.get("form_token", "").encode(), wanted.encode())


def _own(to: str) -> str:
    """Return an address of the console; any other becomes that of the projects."""
    is_own = to.startswith("/console/") and to.isascii() and to.isprintable() and "\\" not in to
    return to if is_own else HOME


def _missing(visitor: Visitor) -> Response:
    body = joined(tag("p", "There is no such page: what it showed may have been deleted."))
    return HTMLResponse(document("Not found", visitor, body, of="none"), 404, HEADERS)


async def _fields(request: Request) -> dict[str, str]:
    """Return a form's fields; empty if it is too large."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_FORM_BYTES:
            return {}
    try:
        return dict(parse_qsl(data.decode(errors="replace"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}
