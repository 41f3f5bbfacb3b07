"""The web application: which path calls which operation of `Routes`, and how errors become answers."""

from __future__ import annotations

import math
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import to_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pool_contract import answers, requests
from pool_contract.events import Events

from . import http_request, metrics
from .dashboard.web import Dashboard
from .errors import PoolError, ThrottledError
from .routes import Routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .serve import Service

_Body = TypeVar("_Body", bound=requests.Body)
Work = Callable[[_Body, str], answers.Answer]
Endpoint = Callable[[Request], Awaitable[Response]]
RETRY_SECONDS = 5
"""The `Retry-After` of a 503, in seconds, if Railway did not say how long to wait."""
THREADS = 128
"""The most concurrent requests."""


def create(service: Service) -> FastAPI:
    """Return the web application."""
    app = FastAPI(
        title="Convos pool manager",
        version=service.version,
        description='Keeps agents warm and hands them out. Errors are `{"error": text}`.',
        lifespan=_lifespan(service),
        # No page that loads scripts from other sites, and no redirect that would contain the caller's Host header.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={PoolError: _pool_error, HTTPException: _http_error, Exception: _broken(service)},
    )
    app.router.redirect_slashes = False
    _add_open_routes(app, service)
    _add_guarded_routes(app, service)
    return app


def _add_open_routes(app: FastAPI, service: Service) -> None:
    routes, key = Routes(service), service.settings.api_key

    async def health(_: Request) -> Response:
        return _json(answers.Health())

    async def version(_: Request) -> Response:
        return _json(routes.version())

    async def counts(_: Request) -> Response:
        # Answered from memory in the event loop, so that it never waits behind claims for a thread.
        return _json(routes.counts())

    async def measured(_: Request) -> Response:
        return Response(metrics.render(service.measured()), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def agents(request: Request) -> Response:
        with_details = http_request.has_key(request, key)
        return _json(await run_in_threadpool(routes.agents, with_details=with_details))

    app.add_route("/metrics", measured, methods=["GET"], include_in_schema=False)
    Dashboard(service, routes).add_to(app)
    open_routes: list[tuple[str, Endpoint, type[answers.Answer], str]] = [
        ("/healthz", health, answers.Health, "Whether the process serves."),
        ("/version", version, answers.Version, "What this pool manager is, and what it can do."),
        ("/api/pool/counts", counts, answers.Counts, "How many agents are in which state."),
        (
            "/api/pool/agents",
            agents,
            answers.Agents,
            "Claimed and crashed agents; details are included only with the key.",
        ),
    ]
    for path, endpoint, answer, summary in open_routes:
        app.add_api_route(
            path, endpoint, methods=["GET"], response_model=answer, response_model_exclude_none=True, summary=summary
        )


def _add_guarded_routes(app: FastAPI, service: Service) -> None:
    routes = Routes(service)
    pool = "/api/pool"

    def guarded(
        method: str, path: str, work: Work[Any], body: type[requests.Body], answer: type[answers.Answer]
    ) -> None:
        app.add_api_route(
            pool + path,
            _endpoint(service.settings.api_key, body, work),
            methods=[method],
            response_model=answer,
            response_model_exclude_none=True,
            summary=(work.__doc__ or "").partition("\n")[0],
            responses={status: {"model": answers.Error} for status in (400, 401, 404, 409, 413, 500, 503)},
            openapi_extra=_described(method, body),
        )

    empty = requests.EmptyRequest
    guarded("GET", "/status", routes.status, empty, answers.PoolStatus)
    guarded("POST", "/claim", routes.claim, requests.ClaimRequest, answers.Claimed)
    guarded("POST", "/replenish", routes.replenish, requests.CountRequest, answers.Replenished)
    guarded("POST", "/drain", routes.drain, requests.CountRequest, answers.Drained)
    guarded("POST", "/reconcile", routes.reconcile, empty, answers.Reconciled)
    guarded("DELETE", "/instances/{id}", routes.kill, empty, answers.Done)
    guarded("DELETE", "/crashed/{id}", routes.dismiss, empty, answers.Done)
    guarded("POST", "/instances/{id}/finish", routes.finish, requests.FinishRequest, answers.Finished)
    guarded("GET", "/credentials", routes.credentials, empty, answers.CredentialList)
    guarded("POST", "/credentials/sweep", routes.sweep, requests.SweepRequest, answers.Swept)
    guarded("POST", "/retire", routes.retire, requests.RetireRequest, answers.RetirementReport)
    guarded("POST", "/reopen", routes.reopen, empty, answers.Reopened)
    guarded("POST", "/redeploy/{id}", routes.redeploy, requests.RedeployRequest, answers.Redeployed)
    guarded("GET", "/rollout", routes.rollout, empty, answers.RolloutAnswer)
    guarded("POST", "/rollout/plan", routes.plan, requests.PlanRequest, answers.RolloutPlan)
    guarded("POST", "/rollout/abort", routes.abort, empty, answers.Aborted)
    guarded("GET", "/events", routes.events, empty, Events)
    guarded("POST", "/rollout/retry", routes.retry, empty, answers.Retrying)


def _described(method: str, body: type[requests.Body]) -> dict[str, Any]:
    """Return the parts of OpenAPI that FastAPI cannot derive, because the body is read after the key was checked."""
    described: dict[str, Any] = {"security": [{"bearer": []}]}
    if method == "POST" and body is not requests.EmptyRequest:
        described["requestBody"] = {"content": {"application/json": {"schema": body.model_json_schema()}}}
    return described


def _endpoint(api_key: str, body: type[_Body], work: Work[_Body]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        http_request.authorize(request, api_key)
        given = http_request.parsed(body, await http_request.read(request))
        return _json(await run_in_threadpool(work, given, http_request.agent_id(request)))

    return endpoint


def _json(answer: answers.Answer) -> Response:
    return JSONResponse(answer.as_json())


def _lifespan(service: Service) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Claims wait for agents, up to two minutes each: a hundred of them must not block other requests.
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        service.start()
        yield
        await run_in_threadpool(service.stop)

    return lifespan


async def _pool_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, PoolError)
    seconds = math.ceil(error.seconds) if isinstance(error, ThrottledError) else RETRY_SECONDS
    headers = {"Retry-After": str(seconds)} if error.status == 503 else {}
    return JSONResponse(answers.Error(error=str(error)).as_json(), error.status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = f"no {request.method} {request.url.path[:200]} here"
    return JSONResponse(answers.Error(error=text).as_json(), error.status_code, error.headers)


def _broken(service: Service) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    async def broken(request: Request, error: Exception) -> Response:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        service.tally.failed(error)
        service.journal(f"{request.url.path[:200]}: {type(error).__name__} in {frame.name}, line {frame.lineno}")
        return JSONResponse(answers.Error(error="internal error; see the pool manager's log").as_json(), 500)

    return broken
