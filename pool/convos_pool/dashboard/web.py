"""The dashboard's routes. Without a login, only counts are shown, and no action is possible."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from convos_pool import http_request
from convos_pool.errors import BadRequestError, NotFoundError, PoolError

from . import assets, page
from .acts import Acts, refused
from .caller import address_of
from .forms import FormContext
from .markup import Markup
from .sections import Filter, changing, claim_details
from .session import COOKIE, SESSION_SECONDS, Attempts, Session, Sessions
from .state import State, state, version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from starlette.requests import Request

    from convos_pool.routes import Routes
    from convos_pool.serve import Service

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
MAX_FORM_BYTES = 3 * http_request.MAX_BODY_BYTES
"""Form encoding takes up to three bytes for each byte of a text (%XX)."""
MOST_FIELDS = 20
LOOK_SECONDS = 1.0
"""How often, in seconds, a stream checks whether there is something new to show."""
SHOWN_SECONDS = 5
"""The greatest age, in seconds, of the shown values, even if nothing has changed."""
ALIVE_SECONDS = 15
"""The interval, in seconds, of comments in a stream, because proxies close silent ones."""
MOST_STREAMS = 50
FOREIGN = "This form did not come from this page, or is too old. Reload the page."


class Dashboard:
    """The pages.

    Args:
        service: the pool manager.
        routes: the operations of the API.
    """

    def __init__(self, service: Service, routes: Routes) -> None:
        self._service = service
        self._acts = Acts(routes)
        self._key = service.settings.api_key
        self._sessions = Sessions(self._key)
        self._attempts = Attempts()
        self._assets = assets.read()
        self._results: dict[str, Markup] = {}
        self._streams = 0
        self._computing = asyncio.Lock()
        self._shown: tuple[str, State] | None = None

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_route("/", self.index, methods=["GET"], include_in_schema=False)
        app.add_route("/login", self.login, methods=["POST"], include_in_schema=False)
        app.add_route("/logout", self.logout, methods=["POST"], include_in_schema=False)
        app.add_route("/static/{name}", self.static, methods=["GET"], include_in_schema=False)
        app.add_route("/dashboard/live", self.live, methods=["GET"], include_in_schema=False)
        app.add_route("/dashboard/stream", self.stream, methods=["GET"], include_in_schema=False)
        app.add_route("/dashboard/agents/{id}", self.agent, methods=["GET"], include_in_schema=False)
        app.add_route("/dashboard/{act}", self.act, methods=["POST"], include_in_schema=False)

    async def index(self, request: Request) -> Response:
        """Show the page."""
        session = self._session(request)
        if session is None:
            return _html(page.public_page(state(self._service, with_plan=False), self._assets.version))
        return await self._operators(request, session, self._results.pop(session.nonce, Markup("")))

    async def login(self, request: Request) -> Response:
        """Begin a session, after verifying the pool's key."""
        shown = state(self._service, with_plan=False)
        if not _is_own(request):
            return _html(page.public_page(shown, self._assets.version, FOREIGN), 403)
        address = _address(request)
        wait = self._attempts.seconds_to_wait(address)
        if wait > 0:
            words = f"Too many wrong keys. Try again in {wait:.0f} s."
            answer = _html(page.public_page(shown, self._assets.version, words), 429)
            answer.headers["Retry-After"] = f"{wait:.0f}"
            return answer
        if not http_request.is_same((await _fields(request)).get("key", "").strip(), self._key):
            self._attempts.failed(address)
            return _html(page.public_page(shown, self._assets.version, "That is not the pool's key."), 401)
        answer = _redirect()
        answer.set_cookie(
            COOKIE,
            self._sessions.begin(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.headers.get("x-forwarded-proto", request.url.scheme) == "https",
        )
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session."""
        session = self._session(request)
        if session is not None and self._has_form_token(request, session, await _fields(request)):
            self._sessions.end(session)
        answer = _redirect()
        answer.delete_cookie(COOKIE)
        return answer

    async def static(self, request: Request) -> Response:
        """Send the style sheet or the script."""
        name = str(request.path_params["name"])
        if name not in self._assets.files:
            raise NotFoundError(f"no {name[:40]!r} here")
        cached = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(self._assets.files[name], headers={**HEADERS, **cached, "Content-Type": assets.TYPES[name]})

    async def live(self, request: Request) -> Response:
        """Show the parts that change."""
        session = self._session(request)
        if session is None:
            return _html("", 401)
        shown = await self._state()
        parts = await run_in_threadpool(changing, shown, _context(shown, session), _filter(request))
        return _html("".join(parts))

    async def stream(self, request: Request) -> Response:
        """Send a server-sent event whenever there is something new to show."""
        session = self._session(request)
        if session is None or self._streams >= MOST_STREAMS:
            # 204 tells a browser not to reconnect.
            return Response(status_code=204)
        return StreamingResponse(self._news(session), media_type="text/event-stream", headers=HEADERS)

    async def agent(self, request: Request) -> Response:
        """Show an agent's instructions, and its invite."""
        session = self._session(request)
        if session is None:
            return _redirect()
        found = await run_in_threadpool(self._claim_details, str(request.path_params["id"]))
        return await self._answer(request, session, found, 200)

    async def act(self, request: Request) -> Response:
        """Execute a form's action."""
        session = self._session(request)
        if session is None:
            return _redirect()
        work = self._acts.by_name.get(str(request.path_params["act"]))
        fields = await _fields(request)
        if work is None or not self._has_form_token(request, session, fields):
            return await self._answer(request, session, refused(FOREIGN), 403)
        is_sure = fields.get("sure") == "production"
        if self._service.settings.environment == "production" and not is_sure:
            return await self._answer(request, session, refused("This is production: confirm it."), 400)
        try:
            return await self._answer(request, session, await run_in_threadpool(work, fields), 200)
        except PoolError as error:
            return await self._answer(request, session, refused(str(error)), error.status)

    async def _answer(self, request: Request, session: Session, result: Markup, status: int) -> Response:
        if request.headers.get("x-part") == "result":
            return _html(result, status)
        if request.method == "POST":
            # Reloading the page must not repeat the action.
            self._results[session.nonce] = result
            return _redirect()
        return await self._operators(request, session, result)

    async def _operators(self, request: Request, session: Session, result: Markup) -> Response:
        shown = await self._state()
        context, chosen = _context(shown, session), _filter(request)
        text = await run_in_threadpool(page.operator_page, shown, context, chosen, self._assets.version, result)
        return _html(text)

    async def _state(self) -> State:
        """Return the values to show, computed once for all viewers at the same moment."""
        # The time is a part of it, so that the age of the last read is shown even if nothing changes.
        now = f"{version(self._service)}-{time.monotonic() // SHOWN_SECONDS}"
        async with self._computing:
            if self._shown is None or self._shown[0] != now:
                self._shown = now, await run_in_threadpool(state, self._service, with_plan=True)
            return self._shown[1]

    async def _news(self, session: Session) -> AsyncIterator[str]:
        self._streams += 1
        try:
            before, silent = "", 0.0
            while not self._service.is_ending and self._sessions.is_alive(session):
                now = version(self._service)
                if now != before:
                    before, silent = now, 0.0
                    yield f"event: snapshot\ndata: {now}\n\n"
                elif silent >= ALIVE_SECONDS:
                    silent = 0.0
                    yield ": nothing new\n\n"
                await asyncio.sleep(LOOK_SECONDS)
                silent += LOOK_SECONDS
        finally:
            self._streams -= 1

    def _claim_details(self, id_: str) -> Markup:
        details = self._service.database.details([id_]).get(id_)
        if details is None:
            return refused(f"{id_[:40]}: it is not claimed.")
        return claim_details(id_, details)

    def _session(self, request: Request) -> Session | None:
        return self._sessions.read(request.cookies.get(COOKIE, ""))

    def _has_form_token(self, request: Request, session: Session, fields: dict[str, str]) -> bool:
        return _is_own(request) and http_request.is_same(fields.get("token", ""), session.form_token)


def _is_own(request: Request) -> bool:
    """Tell whether a form was sent by one of our pages, by the headers that a browser sets itself."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if site not in {"same-origin", "none"}:
        return False
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _address(request: Request) -> str:
    peer = request.client.host if request.client is not None else ""
    return address_of(peer, request.headers.getlist("x-real-ip"))


async def _fields(request: Request) -> dict[str, str]:
    data = await http_request.read_bytes(request, MAX_FORM_BYTES)
    try:
        found = parse_qs(data.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise BadRequestError("form: malformed") from None
    return {name: values[0] for name, values in found.items()}


def _context(shown: State, session: Session) -> FormContext:
    return FormContext(session.form_token, shown.is_production)


def _filter(request: Request) -> Filter:
    return Filter(request.query_params.get("q", "")[:100], request.query_params.get("state", "")[:20])


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers=HEADERS)


def _redirect() -> Response:
    return RedirectResponse("/", 303, headers=HEADERS)
