"""`make local`: toolchain, services, base images, `pulumi up`, and a table of what runs where."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.local import (
    answers,
    bases,
    broken,
    environment,
    image_services,
    ledger,
    process,
    repair,
    stack,
    starting,
    sweep,
    table,
    warm,
)
from ops.local.services import LocalService, Services, load, save
from ops.local.starter import Starter
from ops.toolchain import choose, docker_api, pins, tools
from ops.toolchain.console import step
from ops.toolchain.errors import ToolError
from ops.toolchain.store import Store, default_store, write_atomically

if TYPE_CHECKING:
    from ops.local.layout import Layout
    from ops.toolchain.choose import Toolchain
    from ops.toolchain.console import Step


@dataclass(frozen=True)
class Ready:
    """The local stack's services, running and recorded.

    Args:
        services: the running services.
        env: a whole environment for Pulumi and for tests.
    """

    services: Services
    env: dict[str, str]


def run(layout: Layout) -> int:
    """Bring everything up and return the exit code of `pulumi up`.

    Raises:
        ToolError: something is missing or does not start; one line.
    """
    began = time.monotonic()
    with Store(layout.root).locked(lambda: _say("another make local runs; waiting for it")):
        known = load(layout).by_name.get("emulator")
        ready = services_up(layout)
        emulator = ready.services.by_name["emulator"]
        # A restarted emulator may know less than the stack's state: it may have lost its last writes, or everything.
        is_new = known is not None and known.process != emulator.process
        before = ledger.deployments(emulator.address)
        mark = process.mark_of(layout.root, "pulumi")
        for repaired in (repairs := repair.before_up(layout, emulator.address, ready.env, mark)):
            _say(repaired)
        crashed = is_new or bool(repairs)
        code, rows = _stack_up(layout, ready, mark, refresh=crashed)
        if silent := answers.silent(rows):
            _say(f"\n{', '.join(silent)}: no answer; starting the emulator again, and bringing the stack up")
            ready = _again(layout, "emulator")
            code, rows = _stack_up(layout, ready, mark, refresh=True)
        if crashed and (code != 0 or answers.silent(rows)):
            _say("\nthe repair was not enough; trying again with empty caches of Docker and BuildKit")
            ready = _again(layout, "emulator", "buildkit", "docker")
            code, rows = _stack_up(layout, ready, mark, refresh=True)
        if code != 0:
            _say(f"pulumi up ended with exit code {code}; make local goes on from here")
            return code
        _report(layout, ready, rows, before, began)
        broken.keep_copy(layout.emulator)
        if silent := answers.silent(rows):
            _say(f"local: {', '.join(silent)}: no answer; logs are in {layout.logs}; make down starts afresh")
    return 1 if silent else 0


def services_up(layout: Layout) -> Ready:
    """Bring up everything below Pulumi, keep what already runs, and write `.local/env`."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    _new_passphrase(layout)
    environment.keep_secret(layout.token)
    store = default_store()
    with step("toolchain") as current:
        chosen = _toolchain(layout, store, current)
    with step("services") as current:
        starter = Starter(layout, load(layout), current)
        before = starter.services.by_name.get("docker")
        chosen = _start_docker(starter, chosen, store)
        if before is not None and before != starter.services.by_name.get("docker"):
            # The containers have ended with their Docker, and a running emulator would not notice.
            starter.clear("emulator")
        elif ended := _crashed_containers(starter):
            starter.step.note(f"{ended} containers have crashed; restarting the emulator, which starts them again")
            starter.clear("emulator")
        _start_rest(starter, chosen)
    with step("base images") as current:
        starter.step = current
        base = bases.ensure(starter, store, chosen.tools["buildkit"])
    starter.remember("tools", str(store.bin))
    on_path = _link_plugin(layout, store, chosen)
    layout.state.mkdir(parents=True, exist_ok=True)
    values = environment.variables(layout, starter.services, base)
    if not on_path:
        values["PULUMI_IGNORE_AMBIENT_PLUGINS"] = "true"
    path = [layout.python.parent, store.bin]
    write_atomically(layout.env, environment.script(values, path), 0o600)
    return Ready(starter.services, environment.for_process(values, path))


def _stack_up(layout: Layout, ready: Ready, mark: str, *, refresh: bool) -> tuple[int, list[table.Row]]:
    """Run `pulumi up`; return its exit code and, if it is 0, the table's rows, each checked just now."""
    code = stack.up(layout.checkout, ready.env, mark, layout.logs / "pulumi.log", refresh=refresh)
    return code, _rows(layout, ready) if code == 0 else []


def _crashed_containers(starter: Starter) -> int:
    docker = starter.services.by_name.get("docker")
    return sweep.crashed(docker.address, sweep.emulator_label(starter.layout)) if docker is not None else 0


def _again(layout: Layout, *names: str) -> Ready:
    """Start services again with empty caches.

    A new emulator starts every service that should run, in whatever state its containers are.
    """
    with step("services") as current:
        starter = Starter(layout, load(layout), current)
        for name in names:
            starter.start_afresh(name)
    return services_up(layout)


def docker_up(layout: Layout) -> str | None:
    """Bring up only Docker, for tests that start the rest themselves; return its address, if there is one."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = default_store()
    with step("docker", sys.stderr) as current:
        starter = Starter(layout, load(layout), current)
        _start_docker(starter, _toolchain(layout, store, current), store)
        found = starter.services.by_name.get("docker")
        current.result[:] = [found.address if found else "none"]
    return found.address if found else None


def _toolchain(layout: Layout, store: Store, current: Step, *, with_docker: bool = True) -> Toolchain:
    host = starting.own_docker_host(layout)
    own = docker_api.ask(host)
    wanted = with_docker and os.environ.get("CONVOS_DOCKER") != "off"
    chosen = choose.ensure(store, current, own=own, own_host=host, with_docker=wanted)
    current.result[:] = [*tools.summary(chosen.tools.values()), f"python {sys.version.split()[0]}"]
    return chosen


def _start_docker(starter: Starter, chosen: Toolchain, store: Store) -> Toolchain:
    """Start our own Docker if necessary; if it does not start, print that and go on without it."""
    docker = chosen.tools.get("docker")
    if docker is None:
        _forget(starter, "docker")
        return chosen
    if docker.way == "daemon" and chosen.daemon is not None:
        starter.note(LocalService("docker", "daemon", chosen.daemon.host))
        starter.step.got("Docker (running already, left alone)")
        return chosen
    if "docker0" not in (name for _, name in socket.if_nameindex()):
        starter.remember("bridge", "docker0")
    try:
        service = starting.docker(starter, docker)
    except ToolError as error:
        starter.step.note(f"{error}; going on without Docker, deployments are simulated")
        _forget(starter, "docker")
        return _toolchain(starter.layout, store, starter.step, with_docker=False)
    starter.step.got(f"Docker {service.address.removeprefix('unix://')}")
    return chosen


def _start_rest(starter: Starter, chosen: Toolchain) -> None:
    docker = starter.services.by_name.get("docker")
    host = docker.address if docker is not None else None
    registry = image_services.registry(starter, chosen.tools["registry"], host or "")
    starter.step.got(f"registry :{registry.port}")
    buildkit = chosen.tools["buildkit"]
    if buildkit.way == "daemon":
        _forget(starter, "buildkit")
    else:
        image_services.buildkit(starter, buildkit, registry.address)
        starter.step.got("BuildKit")
    reachable = []
    if os.environ.get("STANDINS"):
        found = starting.standins(starter)
        reachable.append(found.address)
        starter.step.got(f"OpenRouter and AgentMail stand-ins :{found.port}")
    elif "standins" in starter.services.by_name:
        starter.clear("standins")
        _forget(starter, "standins")
    emulator = starting.emulator(starter, host, reachable)
    starter.step.got(f"Railway emulator :{emulator.port}")


def _forget(starter: Starter, name: str) -> None:
    """Forget a service that is no longer used; if it still runs, `down` finds it by its mark."""
    kept = {key: service for key, service in starter.services.by_name.items() if key != name}
    starter.services = Services(kept, starter.services.notes)
    save(starter.layout, starter.services)


def _new_passphrase(layout: Layout) -> None:
    """Create the passphrase. Remove the salt of an older one from the config, or Pulumi would refuse the new one."""
    config = layout.checkout / f"Pulumi.{stack.STACK}.yaml"
    passphrases = (layout.passphrase, environment.copy_of(layout.passphrase))
    if not any(file.exists() for file in passphrases) and not stack.forget_salt(config):
        problem = "has secrets that were encrypted with a passphrase which is gone"
        raise ToolError(
            config.name, problem, "remove its `secure:` values and the line encryptionsalt, then set them again"
        )
    environment.keep_secret(layout.passphrase)


def _link_plugin(layout: Layout, store: Store, chosen: Toolchain) -> bool:
    """Put the docker-build plugin where Pulumi looks first; tell whether Pulumi still has to search PATH for plugins.

    A plugin that Pulumi finds on PATH costs two lines of warning in every preview.
    """
    name = f"resource-docker-build-v{pins.DOCKER_BUILD}"
    program = chosen.tools["docker-build"].programs.get("pulumi-resource-docker-build")
    fetched = store.root / "pulumi-home" / "plugins" / name
    folder = layout.pulumi_home / "plugins" / name
    files = [Path(program)] if program else sorted(fetched.iterdir())
    if [link.resolve() for link in sorted(folder.glob("*"))] != [file.resolve() for file in files]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            (folder / file.name).symlink_to(file)
    # The language host and the provider of dynamic resources are found beside `pulumi` itself, or else on PATH only.
    return len({Path(where).parent for where in chosen.tools["pulumi"].programs.values()}) > 1


def _rows(layout: Layout, ready: Ready) -> list[table.Row]:
    """Return the table's rows, each checked just now."""
    found = stack.outputs(layout.checkout, ready.env)
    rows = answers.asked(table.rows(found, ready.services))
    if answers.silent(rows):
        return rows
    return answers.asked(table.rows(found, ready.services, _warm(found)))


def _report(layout: Layout, ready: Ready, rows: list[table.Row], before: int | None, began: float) -> None:
    emulator = ready.services.by_name["emulator"]
    _say("\n" + "\n".join(table.lines(rows)))
    _say("\n  Try next:  make demo · make status STACK=local · make test · make down")
    again = "pulumi config set imageTag sha-… --stack local && pulumi preview --stack local --diff"
    _say(f"             . .local/env && {again}")
    after = ledger.deployments(emulator.address)
    changed = stack.changed(layout.checkout, ready.env)
    parts = [f"{changed} changes"] if changed is not None else []
    parts += [f"{after - before} deployments"] if after is not None and before is not None else []
    _say("\n" + ", ".join([*parts, f"{time.monotonic() - began:.1f} s"]))


def _warm(outputs: Mapping[str, Any]) -> Mapping[str, int] | None:
    """Wait for the agents that the pool manager keeps idle; None if no pool manager runs."""
    pool, wanted = warm.pool_manager(outputs)
    if not pool:
        return None
    with step("agents") as current:
        current.doing(f"waiting for {wanted} warm agents")
        counts = warm.wait(pool, wanted)
        current.got(table.counted(counts) if counts else "the pool manager does not answer yet")
    return counts


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
