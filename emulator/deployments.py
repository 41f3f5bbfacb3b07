"""Deployments: each has an immutable snapshot of its service's config, and goes from status to status."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from emulator.config import DEFAULT_REGION, has_source
from emulator.container_logs import ContainerLogs
from emulator.environment_variables import environment_variables, shared_variables
from emulator.errors import Refusal, not_found
from emulator.log_query import later_than
from emulator.references import rendered
from emulator.routes import ACTIVE, Routes
from emulator.runs import Order, RunFailed, Runner, Running
from emulator.simulated import Simulated
from emulator.store import Document, Store, new_id, now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.containers import Containers
    from emulator.postgres import Postgres
    from emulator.settings import LiveSettings

UNDER_WAY = frozenset({"QUEUED", "INITIALIZING", "BUILDING", "DEPLOYING"})
PORT = "8080"
"""The port on which a deployment listens if its variables do not set PORT."""
_WALK = ("INITIALIZING", "BUILDING", "DEPLOYING")
RESUME_SECONDS = 90.0
"""How long a restarted emulator may take before it answers. Five containers take 3 s on an idle machine, and took 40 s
on a machine with two cores and thirty busy processes."""
USED_MB = 48.0
"""The size that a volume shows once a deployment has run with it; the emulator does not measure it."""


class Deployments:
    """Starts, walks and stops deployments."""

    def __init__(
        self,
        store: Store,
        settings: LiveSettings,
        postgres: Postgres,
        containers: Containers | None,
        api_address: str = "",
        reachable: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._settings = settings
        self._postgres = postgres
        self._containers = containers
        self._simulated = Simulated(settings)
        self.container_logs = ContainerLogs(containers)
        self._routes = Routes(store, containers, [address for address in (api_address, *reachable) if address])
        self._walks: dict[str, threading.Lock] = {}
        self.closing = False

    def of(self, environment_id: str, service_id: str) -> list[Document]:
        """Return a service instance's deployments, oldest first."""
        return self._store.all(
            "deployment", lambda row: row["environmentId"] == environment_id and row["serviceId"] == service_id
        )

    def start(self, environment_id: str, service_id: str, reason: str, *, replay: Document | None = None) -> str:
        """Create a deployment from the stored config, or from the snapshot of `replay`; return its id.

        Raises:
            Refusal: the service has no instance in the environment, or nothing to deploy.
        """
        environment = self._store.get("environment", environment_id) or {}
        service = self._store.get("service", service_id) or {}
        if service_id not in (environment.get("config") or {}).get("services", {}):
            raise not_found("ServiceInstance")
        config = replay["snapshot"] if replay else environment["config"]["services"][service_id]
        if not has_source(config):
            raise Refusal("Cannot redeploy without a snapshot")
        source = config.get("source", {})
        image = source.get("image") or ""
        deployment = {
            "id": new_id(),
            "environmentId": environment_id,
            "serviceId": service_id,
            "projectId": environment["projectId"],
            "status": "QUEUED",
            "createdAt": now(),
            "updatedAt": now(),
            "statusUpdatedAt": now(),
            "snapshot": config,
            "snapshotId": new_id(),
            "meta": {
                **({"image": image} if image else {"repo": source.get("repo")}),
                "reason": reason,
                "serviceManifest": {"build": config.get("build", {}), "deploy": _manifest(config.get("deploy", {}))},
            },
            "logs": [],
            "run": {"mode": "", "handle": "", "address": ""},
        }
        variables = rendered(
            service["name"],
            environment_variables(self._store, environment, opened=True),
            shared_variables(environment, opened=True),
        )
        deployment["variables"] = replay["variables"] if replay else variables
        self._store.put("deployment", deployment["id"], deployment)
        at_once = self._settings.current.deploy_step_seconds == 0 and self._runner(image) is self._simulated
        if not (at_once and self._walked_at_once(deployment)):
            threading.Thread(target=self._walk, args=(deployment,), daemon=True).start()
        return str(deployment["id"])

    def log(self, deployment: Document) -> list[str]:
        """Return a deployment's log lines, with what its container has printed until now."""
        self.container_logs.collect(deployment)
        return [f"{row['timestamp']} {row['message']}" for row in deployment["logs"]]

    def stop(self, deployment: Document, status: str = "REMOVED") -> None:
        """End a deployment and what it runs."""
        run = deployment["run"]
        self.container_logs.collect(deployment)
        if run["handle"]:
            runner = self._postgres if run["mode"] == "postgres" else self._containers
            if runner is not None:
                runner.stop(run["handle"])
        self._set(deployment, status)

    def stop_instance(self, environment_id: str, service_id: str) -> None:
        """End everything that a service instance runs."""
        for deployment in self.of(environment_id, service_id):
            if deployment["status"] not in {"REMOVED", "FAILED", "CRASHED"}:
                self.stop(deployment)

    def resume(self, seconds: float = RESUME_SECONDS) -> None:
        """After a restart of the emulator, run again what was active; deployments that were under way have failed.

        What runs again has a new address. By now, another process may answer at the old one, and a client that was told
        the old one would send its key there. So the emulator answers no request until everything runs, or until
        `seconds` have passed.
        """
        walks = []
        for deployment in self._store.all("deployment"):
            mode = deployment["run"]["mode"]
            if deployment["status"] in ("QUEUED", *_WALK):
                self._set(deployment, "FAILED")
            elif deployment["status"] in ACTIVE and (
                mode == "postgres"
                or (
                    mode == "container"
                    and self._containers is not None
                    and not self._containers.is_running(deployment["run"]["handle"])
                )
            ):
                deployment["run"] = {**deployment["run"], "address": ""}
                self._store.put("deployment", deployment["id"], deployment)
                walks.append(threading.Thread(target=self._walk, args=(deployment, ()), daemon=True))
        for walk in walks:
            walk.start()
        until = time.monotonic() + seconds
        for walk in walks:
            walk.join(max(0.0, until - time.monotonic()))

    def close(self, *, remove: bool) -> None:
        """Stop PostgreSQL, and remove the containers if `remove` is set."""
        self.closing = True
        self._routes.close()
        self._postgres.stop_all()
        if remove and self._containers is not None:
            self._containers.stop_all()

    def _runner(self, image: str) -> Runner:
        if image and self._postgres.takes(image):
            return self._postgres
        return self._containers if image and self._containers is not None else self._simulated

    def _walked_at_once(self, deployment: Document) -> bool:
        """Run a deployment in the caller's thread; return False if another one of its instance is under way.

        The caller holds the store's lock. To wait here for the other one, which needs that lock, would be a deadlock.
        """
        walking = self._walking(deployment)
        if not walking.acquire(blocking=False):
            return False
        try:
            for status in _WALK:
                self._set(deployment, status)
            self._run(deployment)
        finally:
            walking.release()
        return True

    def _walking(self, deployment: Document) -> threading.Lock:
        """Return the lock of a service instance: only one of its deployments at a time may use its volume."""
        return self._walks.setdefault(f"{deployment['environmentId']}/{deployment['serviceId']}", threading.Lock())

    def _walk(self, deployment: Document, statuses: tuple[str, ...] = _WALK) -> None:
        for status in statuses:
            if deployment["status"] == "REMOVED" or self.closing:
                return
            self._set(deployment, status)
            time.sleep(self._settings.current.deploy_step_seconds)
        with self._walking(deployment):
            self._run(deployment)

    def _run(self, deployment: Document) -> None:
        rows = self.of(deployment["environmentId"], deployment["serviceId"])
        if any(row["status"] in ACTIVE for row in rows[rows.index(deployment) + 1 :]):
            self._set(deployment, "REMOVED")  # an older one never takes the place of a newer one
            return
        runner = self._runner(deployment["meta"].get("image") or "")
        order = self._order(deployment)

        def log(line: str) -> None:
            # Readers tell lines apart by their times (fact: log-times).
            at = later_than(deployment["logs"][-1]["timestamp"] if deployment["logs"] else "")
            deployment["logs"].append({"timestamp": at, "message": line, "severity": "info"})
            self._store.changes.notify()

        try:
            running = self._started(runner, order, log)
        except RunFailed as failure:
            log(str(failure))
            self._set(deployment, failure.status)
            return
        except Exception as error:  # noqa: BLE001  # whatever breaks here must end the deployment, not only its thread
            log(f"the emulator could not run it: {type(error).__name__}")
            self._set(deployment, "FAILED")
            return
        if running.address:
            self._routes.point_proxies(order, running.address)
        deployment["run"] = {"mode": running.mode, "handle": running.handle, "address": running.address}
        deployment["meta"]["emulatorMode"] = running.mode
        deployment["stopped"] = running.has_exited
        older = [row for row in rows if row["status"] in ACTIVE and row["id"] != deployment["id"]]
        if deployment["status"] == "REMOVED":
            self.stop(deployment)
            return
        self._set(deployment, "SUCCESS")
        for row in older:
            self._retire(row, running)

    def _retire(self, row: Document, running: Running) -> None:
        if row["run"]["handle"] != running.handle:
            with contextlib.suppress(Exception):
                self.stop(row)
                return
        self._set(row, "REMOVED")

    def _started(self, runner: Runner, order: Order, log: Any) -> Running:
        if runner is self._containers and self._containers is not None:
            return self._containers.start(order, log, self._routes.private_hosts(order.environment_id))
        running = runner.start(order, log)
        if running.mode == "postgres":
            self._routes.publish(order.environment_id, running.address)
        return running

    def _order(self, deployment: Document) -> Order:
        service = self._store.get("service", deployment["serviceId"]) or {"name": "gone"}
        deploy = deployment["snapshot"].get("deploy", {})
        volumes = self._volumes(deployment)
        return Order(
            deployment_id=deployment["id"],
            environment_id=deployment["environmentId"],
            service_id=deployment["serviceId"],
            service=service["name"],
            image=deployment["meta"].get("image") or "",
            command=deploy.get("startCommand") or "",
            variables={"PORT": PORT, **deployment["variables"], "RAILWAY_DEPLOYMENT_ID": deployment["id"]},
            health_path=deploy.get("healthcheckPath") or "",
            health_seconds=float(deploy.get("healthcheckTimeout") or 300),
            volume=volumes[0]["mountPath"] if volumes else "",
            volume_id=volumes[0]["id"] if volumes else "",
        )

    def _volumes(self, deployment: Document) -> list[Document]:
        return self._store.all(
            "volume_instance",
            lambda row: (
                row["environmentId"] == deployment["environmentId"]
                and row["serviceId"] == deployment["serviceId"]
                and not row.get("deletedAt")
            ),
        )

    def _fill(self, deployment: Document) -> None:
        """Give the service's volume a size, because a deployment that runs with it may write to it."""
        for row in self._volumes(deployment):
            if not row.get("currentSizeMB"):
                self._store.put("volume_instance", row["id"], {**row, "currentSizeMB": USED_MB})

    def _set(self, deployment: Document, status: str) -> None:
        if status in ACTIVE:
            self._fill(deployment)
        deployment.update(status=status, statusUpdatedAt=now(), updatedAt=now())
        self._store.put("deployment", deployment["id"], deployment)


def _manifest(deploy: Document) -> Document:
    """Return the `deploy` part of a deployment's manifest: without the login, and always with a region."""
    # A client that creates a service reads `multiRegionConfig` and fails without it (fact: deployment-meta).
    regions = deploy.get("multiRegionConfig") or {DEFAULT_REGION: {"numReplicas": deploy.get("numReplicas") or 1}}
    shown = {key: value for key, value in deploy.items() if key != "registryCredentials"}
    return {**shown, "multiRegionConfig": regions}
