"""Many waits at once: one question to Railway for all of them, and none holds up what else is to be made."""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from convos_infra.railway.poll import Poll
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.waiter import FIRST_PAUSE, Awaited, wait
from convos_infra.waiting_threads import METHODS, SERVICER, install_wait_pool
from railway_api.client import Client
from tests.emulator.fix_emulator import running_emulator
from tests.fleet.project import IMAGE, Project
from tests.railway.fix_resources import QUICK, Place

SERVICES = 20


def test_twenty_services_wait_in_one_poll(at: Place) -> None:
    emulator = at.runs.emulator
    emulator.settings(deploy_step_seconds=0.6)
    try:
        awaited = [_deployed(at, f"s{number}") for number in range(SERVICES)]
        client = Client(emulator.endpoint, emulator.token, timing=QUICK, progress=lambda _: None)
        poll, done = Poll(client), list[str]()
        threads = [
            threading.Thread(target=lambda item=item: done.extend(wait(poll, client, [item], 60))) for item in awaited
        ]
        emulator.forget_calls()
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
    finally:
        emulator.settings(deploy_step_seconds=0)
    assert sorted(done) == sorted(item.service for item in awaited)
    calls = emulator.calls()
    assert {call["operation"] for call in calls} == {"deployment"}
    most = int(seconds / FIRST_PAUSE) + 2
    print(f"{SERVICES} services, {len(calls)} queries in {seconds:.1f} s; one a round would be at most {most}")
    assert len(calls) <= most
    moments = [call["at"] for call in calls]
    assert all(later - earlier >= FIRST_PAUSE * 0.9 for earlier, later in itertools.pairwise(moments))


def _deployed(at: Place, name: str) -> Awaited:
    service = at.runs.create(ServiceProvider, {**at.ids, "name": name})
    inputs = {
        **at.ids,
        "serviceId": service.id,
        "service": name,
        "image": IMAGE,
        "variables": {},
        "unmanagedVariables": "keep",
    }
    made = at.runs.create(ServiceInstanceProvider, inputs)
    return Awaited(name, service.id, at.environment.id, made.outputs["deploymentId"], image=IMAGE)


@pytest.mark.stack
def test_twenty_services_deploy_in_parallel_though_pulumi_has_four_threads(tmp_path: Path) -> None:
    """Each with a wait of its own: all twenty are under way before the first of them has ended."""
    step = 2.5
    with running_emulator(tmp_path, deploy_step_seconds=step) as emulator:
        project = Project(tmp_path / "waits", emulator.endpoint, emulator.token)
        (project.program / "__main__.py").write_text("from tests.railway.program_of_waits import main\n\nmain()\n")
        spec = {"services": SERVICES, "image": IMAGE}
        (project.program / "waits.json").write_text(json.dumps(spec))
        project.init()
        project.up()
        calls = emulator.calls()
    commits = [call["at"] for call in calls if call["operation"] == "environmentPatchCommit"]
    polls = [call for call in calls if call["operation"] == "deployment"]
    assert sum(len(call["deployments"]) for call in calls) == SERVICES
    ended = min(commits) + 3 * step
    print(f"all {SERVICES} under way after {max(commits) - min(commits):.1f} s, {len(polls)} polls")
    assert max(commits) < ended
    assert len(polls) <= (calls[-1]["at"] - min(commits)) / FIRST_PAUSE + 2


def test_room_to_wait_is_given_once_and_only_where_pulumis_server_is_the_known_one() -> None:
    def method() -> None: ...

    def another() -> None: ...

    def third() -> None: ...

    servicer = type("Servicer", (), {"Create": method, "Update": another, "Delete": third})

    program = SimpleNamespace(**{SERVICER: servicer})
    assert install_wait_pool(program)
    pools = {getattr(servicer, name).experimental_thread_pool for name in METHODS}
    assert install_wait_pool(program)
    assert {getattr(servicer, name).experimental_thread_pool for name in METHODS} == pools
    assert len(pools) == 1
    assert not install_wait_pool(SimpleNamespace())
    assert not install_wait_pool(SimpleNamespace(**{SERVICER: object}))
