"""The HTTP application: Railway's endpoint with its rate limits and planted faults, and the emulator's own paths."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from emulator import admin, execution, guard
from emulator.api import access
from emulator.api.request import Request as Caller
from emulator.api.request import World
from emulator.console.web import Console
from emulator.credentials import Credentials, credential
from emulator.faults import Faults
from emulator.ledger import Ledger
from emulator.limits import Edge, Limits
from emulator.planted import ANSWERS, Dropped, answer_of, response
from emulator.store import PastStore
from emulator.subscriptions import EndpointParts, Subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from emulator.store import Store


class Endpoint:
    """The API and the switches of one emulator.

    Args:
        world: what it serves.
        token: the account token that it accepts.
    """

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._credentials = Credentials(world, token)
        self._schema = execution.executable_schema()
        self._faults = Faults()
        self._ledger = Ledger()
        self._limits = Limits(world.settings)
        self._edge = Edge(world.settings)
        shared = (self._credentials, self._limits, self._edge, self._faults, self._ledger)
        self.subscriptions = Subscriptions(EndpointParts(world, self._schema, *shared))

    async def graphql(self, request: Request) -> Response:
        """Answer one POST; requests whose URL names no source share a limit (fact: source-by-query)."""
        if not request.query_params.get("source") and not self._edge.passes():
            return HTMLResponse(ANSWERS["429"][1], 429, {"Retry-After": "1"})
        try:
            body = await request.json()
        except ValueError:
            self._refuse("POST body missing, invalid Content-Type", time.time(), 0.0, dict(request.headers))
            return JSONResponse({"errors": [{"message": "POST body missing, invalid Content-Type"}]}, 400)
        return await run_in_threadpool(self.answer, dict(request.headers), body)

    def answer(self, headers: dict[str, str], body: Any) -> Response:
        """Answer one request.

        Args:
            headers: by their names in lower case.
            body: the parsed JSON.

        Raises:
            Dropped: the connection has to be closed without an answer.
        """
        began, at = time.monotonic(), time.time()
        operation = execution.read(self._schema, body)
        if isinstance(operation, execution.Answer):
            self._refuse(operation.errors[0], at, time.monotonic() - began, headers, operation.unserved)
            return response(operation)
        if operation.streams:
            refused = execution.needs_websocket(operation)
            self._refuse(refused.errors[0], at, time.monotonic() - began, headers)
            return response(refused)
        allowance = self._limits.take(credential(headers))
        fault = None if allowance.retry_after else self._faults.take(operation.name)
        error, made, disputed, length = "", list[str](), list[str](), 0
        try:
            if allowance.retry_after:
                error = "429"
                return HTMLResponse(
                    ANSWERS["429"][1], 429, {**allowance.headers, "Retry-After": str(allowance.retry_after)}
                )
            if fault is not None:
                instead = answer_of(fault)
                if instead is not None:
                    error = fault.kind
                    return instead
            answer, made, disputed = self._run(headers, operation, body)
            error = answer.errors[0] if answer.errors else ""
            if fault is not None and fault.kind == "lost_answer":
                raise Dropped
            if fault is not None and fault.kind == "gateway_timeout":
                return HTMLResponse("<html><body><h1>504 Gateway Time-out</h1></body></html>", 504)
            answered = response(answer, allowance.headers)
            length = len(answered.body)
            return answered
        finally:
            self._ledger.add(
                operation=operation.name,
                fields=operation.fields,
                type="mutation" if operation.writes else "query",
                at=at,
                seconds=round(time.monotonic() - began, 4),
                error=error,
                fault=fault.kind if fault is not None else "",
                deployments=made,
                client=_client(headers),
                disputed=disputed,
                bytes=length,
            )

    def _refuse(self, why: str, at: float, seconds: float, headers: dict[str, str], operation: str = "") -> None:
        """Record an invalid operation in the ledger: Railway counts it too, and it is a bug of its client."""
        self._ledger.add(
            operation=operation,
            fields=[operation] if operation else [],
            type="invalid",
            at=at,
            seconds=round(seconds, 4),
            error=why,
            fault="",
            deployments=[],
            client=_client(headers),
        )

    def _run(
        self, headers: dict[str, str], operation: execution.Operation, body: Any
    ) -> tuple[execution.Answer, list[str], list[str]]:
        """Execute an operation; return its answer, the deployments that it made, and the disputed settings it used."""
        time.sleep(self._world.settings.current.latency_ms / 1000)
        store, consulted = self._world.store, self._world.settings.consulted
        caller = self._credentials.caller(headers)
        if isinstance(caller, execution.Answer):
            if not access.PUBLIC.issuperset(operation.fields):
                return caller, [], []
            caller = Caller(self._world, None, is_foreign=True)
        if not operation.writes:
            lag = self._world.settings.current.read_lag_seconds
            # A query must not see the middle of a mutation: half a deletion would be a broken answer.
            with store.lock:
                consulted.clear()
                reader = replace(caller, past=PastStore(store, lag)) if lag else caller
                return execution.run(self._schema, operation, body, {"emulator": reader}), [], sorted(consulted)
        context = {"emulator": caller}
        with store.transaction():
            consulted.clear()
            before = {row["id"] for row in store.all("deployment")}
            answer = execution.run(self._schema, operation, body, context)
            made = [row["id"] for row in store.all("deployment") if row["id"] not in before]
            # With several fields, the first may have succeeded; and a deployment cannot be undone.
            if answer.errors and len(operation.fields) == 1 and not made:
                store.undo()
            return answer, made, sorted(consulted)

    async def healthz(self, _: Request) -> Response:
        """Answer `ok`."""
        return PlainTextResponse("ok\n")

    def console(self, *, with_switches: bool) -> list[Route]:
        """Return the routes of the console."""
        return Console(self._world, self._ledger, self._faults, self._token, with_switches=with_switches).routes()

    async def settings(self, request: Request) -> Response:
        """Change settings, or return them."""
        if request.method == "GET":
            return _json_answer(lambda: admin.settings(self._world, {}))
        return await _answer_from_body(request, lambda values: admin.settings(self._world, values))

    async def faults(self, request: Request) -> Response:
        """Plant a fault, or remove all faults."""
        if request.method == "DELETE":
            self._faults.clear()
            return Response(status_code=204)
        return await _answer_from_body(request, lambda values: vars(self._faults.plant(values)))

    async def deployments(self, request: Request) -> Response:
        """Give a deployment another status, or delete it."""
        return await self._changed(request, admin.deployment)

    async def volume_instances(self, request: Request) -> Response:
        """Set the size of a volume instance, or purge it."""
        return await self._changed(request, admin.volume_instance)

    async def _changed(self, request: Request, change: Callable[[Store, dict[str, Any]], dict[str, Any]]) -> Response:
        def changed(values: dict[str, Any]) -> dict[str, Any]:
            with self._world.store.transaction():
                return change(self._world.store, values)

        return await _answer_from_body(request, changed)

    async def calls(self, request: Request) -> Response:
        """Return the ledger, or empty it."""
        if request.method == "DELETE":
            self._ledger.clear()
            return Response(status_code=204)
        return JSONResponse(self._ledger.calls())

    async def where(self, _: Request) -> Response:
        """Return the active deployments with their addresses."""
        return JSONResponse(admin.where(self._world))

    async def snapshot(self, request: Request) -> Response:
        """Return one environment, or the list of projects; DELETE deletes all of them."""
        if request.method == "DELETE":
            await asyncio.to_thread(admin.forget, self._world)
            return Response(status_code=204)
        environment = request.query_params.get("environment")
        store = self._world.store
        with store.lock:
            if not environment:
                return JSONResponse(admin.overview(store))
            opened = guard.has_token(request.headers, self._token)
            return JSONResponse(admin.snapshot(store, environment, opened=opened))


def application(world: World, token: str, *, with_switches: bool, on_end: Callable[[], None]) -> Starlette:
    """Return the ASGI application.

    Args:
        world: what it serves.
        token: the account token that it accepts.
        with_switches: whether `/_emulator/…` answers.
        on_end: called once when the server stops.
    """
    endpoint = Endpoint(world, token)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        await asyncio.to_thread(on_end)

    routes: list[Route | WebSocketRoute] = [
        Route("/graphql/v2", endpoint.graphql, methods=["POST"]),
        WebSocketRoute("/graphql/v2", endpoint.subscriptions.serve),
        Route("/healthz", endpoint.healthz),
        *endpoint.console(with_switches=with_switches),
    ]
    if with_switches:
        routes += [
            Route("/_emulator/settings", endpoint.settings, methods=["GET", "PATCH"]),
            Route("/_emulator/faults", endpoint.faults, methods=["POST", "DELETE"]),
            Route("/_emulator/deployments", endpoint.deployments, methods=["POST"]),
            Route("/_emulator/volume_instances", endpoint.volume_instances, methods=["POST"]),
            Route("/_emulator/calls", endpoint.calls, methods=["GET", "DELETE"]),
            Route("/_emulator/where", endpoint.where),
            Route("/_emulator/snapshot", endpoint.snapshot, methods=["GET", "DELETE"]),
        ]
    found = Starlette(routes=routes, lifespan=lifespan)
    found.add_middleware(guard.Guard, token=token)
    return found


def _client(headers: dict[str, str]) -> str:
    return headers.get("user-agent", "").partition("/")[0][:80]


async def _answer_from_body(request: Request, work: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    """Answer with what `work` returns for the JSON object in a request's body, or with 400 and its ValueError."""
    try:
        values = await guard.document(request.body)
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 400)
    return _json_answer(lambda: work(values))


def _json_answer(work: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(work())
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 400)
