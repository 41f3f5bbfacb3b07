"""The routes: HTTP in, one call to the pool, HTTP out."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from . import agents, body, page
from .errors import BadRequestError, PoolError, SettingsError
from .rollout import Rollout
from .rollout_plan import plan, told
from .settings import image_and_policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from .rollout import Policy
    from .serve import Service

Work = Callable[[dict[str, Any], str], dict[str, Any]]


class Routes:
    """What each route does: with the body as it came, and the id in the path."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool = service.pool

    def index(self, _: Request) -> Response:
        """Return the status page."""
        service = self._service
        return HTMLResponse(
            page.render(service.settings, self._pool.latest, service.tick.rollout), headers=page.HEADERS
        )

    def counts(self, _: Request) -> Response:
        """Return how many agents are in which state."""
        look = self._pool.latest or self._pool.look()
        return JSONResponse(agents.counts(look.agents.values(), self._service.settings.runtime_image))

    def status(self, _body: dict[str, Any], _id: str) -> dict[str, Any]:
        """Return every agent."""
        step = self._service.tick.rollout
        return {**self._pool.status(), "rollout": {"state": step.state, "text": step.text}}

    def claim(self, given: dict[str, Any], _id: str) -> dict[str, Any]:
        """Hand out an agent."""
        return self._pool.claim(body.wish(given))

    def replenish(self, given: dict[str, Any], _id: str) -> dict[str, Any]:
        """Have agents made beyond the warm ones."""
        wanted = body.count(given, 1)
        self._service.tick.add(wanted)
        self._service.wake()
        return {"creating": wanted}

    def drain(self, given: dict[str, Any], _id: str) -> dict[str, Any]:
        """Delete idle agents."""
        return {"drained": self._pool.drain(body.count(given, None))}

    def reconcile(self, _body: dict[str, Any], _id: str) -> dict[str, Any]:
        """Do a tick now."""
        return self._service.tick.run()

    def redeploy(self, _body: dict[str, Any], id_: str) -> dict[str, Any]:
        """Give one idle agent the newest image."""
        return {"instanceId": id_, "image": self._pool.redeploy(id_)}

    def rollout(self, _body: dict[str, Any], _id: str) -> dict[str, Any]:
        """Return where the rollout is, and what is still to come."""
        settings, step = self._service.settings, self._service.tick.rollout
        return {
            "policy": settings.rollout.kind,
            "state": step.state,
            "text": step.text,
            "problem": self._service.problem,
            **self._planned(settings.runtime_image, settings.rollout),
        }

    def plan(self, given: dict[str, Any], _id: str) -> dict[str, Any]:
        """Return what a pool manager with another image or policy would do with the agents that are there now."""
        try:
            image, policy = image_and_policy(body.variables(given))
        except SettingsError as error:
            raise BadRequestError(str(error)) from None
        return {"policy": policy.kind, **self._planned(image, policy)}

    def _planned(self, image: str, policy: Policy) -> dict[str, Any]:
        look = self._pool.latest or self._pool.look()
        living = list(look.agents.values())
        recorded = Rollout(image)
        if policy.kind != "hold" and image == self._service.settings.runtime_image:
            recorded = self._service.rolling.on_record()
        return {
            "image": image,
            "agents": len(living),
            "lines": told(living, policy, recorded),
            "batches": [batch.as_json() for batch in plan(living, policy, recorded)],
        }

    def retire(self, given: dict[str, Any], _id: str) -> dict[str, Any]:
        """Close the pool and delete what nobody has."""
        return self._service.retirement.go_on(claimed=body.flag(given, "claimed"))

    def reopen(self, _body: dict[str, Any], _id: str) -> dict[str, Any]:
        """Open the pool again."""
        opened = self._service.retirement.end()
        self._service.wake()
        return opened

    def retry(self, _body: dict[str, Any], _id: str) -> dict[str, Any]:
        """Begin again with an image that was given up."""
        again = self._service.record.retry()
        self._service.tick.forgive()
        self._service.wake()
        return {"retrying": again}


def create(service: Service) -> Starlette:
    """Return the web application."""
    routes = Routes(service)

    def guarded(path: str, method: str, work: Work) -> Route:
        return Route(path, _endpoint(service.settings.api_key, work), methods=[method])

    return Starlette(
        lifespan=_lifespan(service),
        exception_handlers={PoolError: _pool_error, HTTPException: _http_error, Exception: _broken},
        routes=[
            Route("/healthz", _healthz),
            Route("/", routes.index),
            Route("/api/pool/counts", routes.counts),
            guarded("/api/pool/status", "GET", routes.status),
            guarded("/api/pool/claim", "POST", routes.claim),
            guarded("/api/pool/replenish", "POST", routes.replenish),
            guarded("/api/pool/drain", "POST", routes.drain),
            guarded("/api/pool/reconcile", "POST", routes.reconcile),
            guarded("/api/pool/retire", "POST", routes.retire),
            guarded("/api/pool/reopen", "POST", routes.reopen),
            guarded("/api/pool/redeploy/{id}", "POST", routes.redeploy),
            guarded("/api/pool/rollout", "GET", routes.rollout),
            guarded("/api/pool/rollout/plan", "POST", routes.plan),
            guarded("/api/pool/rollout/retry", "POST", routes.retry),
        ],
    )


async def _healthz(_: Request) -> Response:
    return JSONResponse({"ok": True})


def _lifespan(service: Service) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        yield
        await run_in_threadpool(service.stop)

    return lifespan


def _endpoint(api_key: str, work: Work) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body.authorize(request, api_key)
        given = await body.read(request)
        return JSONResponse(await run_in_threadpool(work, given, str(request.path_params.get("id", ""))))

    return endpoint


async def _pool_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, PoolError)
    headers = {"Retry-After": "5"} if error.status == 503 else {}
    return JSONResponse({"error": str(error)}, error.status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": f"no {request.method} {request.url.path[:200]} here"}, error.status_code, error.headers
    )


async def _broken(request: Request, error: Exception) -> Response:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    sys.stderr.write(f"pool: {request.url.path}: {type(error).__name__} in {frame.name}, line {frame.lineno}\n")
    return JSONResponse({"error": "internal error; the pool manager's log says where"}, 500)
