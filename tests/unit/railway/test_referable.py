"""What references can lead to, from a snapshot: names, parts, repositories, and environments of 200 services."""

from __future__ import annotations

import time
from typing import Any

from convos_infra.railway.referable import live
from convos_infra.railway.resolution import dead_ends, resolved
from convos_infra.railway.running_references import gives
from convos_infra.railway.snapshot import Snapshot
from tests.railway.referring import current_value


def snapshot(names: dict[str, str], services: dict[str, Any], *, elsewhere: dict[str, str] | None = None) -> Snapshot:
    return Snapshot(
        environment_id="e",
        project_id="p",
        name="test",
        is_fork=True,
        config={"services": services},
        instances={id_: {"serviceId": id_, "serviceName": name} for id_, name in names.items()},
        volume_instances=(),
        project_services={**names, **(elsewhere or {})},
        volumes={},
    )


def variables(**values: str) -> dict[str, Any]:
    return {"variables": {name: {"value": value} for name, value in values.items()}}


def test_which_of_two_services_of_one_name_is_meant_cannot_be_told() -> None:
    found = snapshot(
        {"1": "db", "2": "db", "3": "web"},
        {"1": variables(A="first", ONE="x"), "2": variables(A="second"), "3": variables(X="${{db.A}}", Y="${{db.B}}")},
    )
    assert resolved(live(found), "web", "X").text is None
    assert resolved(live(found), "web", "X").fits("second")
    assert not resolved(live(found), "web", "X").fits("")
    assert len(dead_ends(live(found), "web", ["Y"])) == 1


def test_what_git_gives_is_there_for_a_service_of_a_repository_alone() -> None:
    of_repository = {**variables(X="${{RAILWAY_GIT_COMMIT_SHA}}"), "source": {"repo": "a/b"}}
    of_image = {**variables(X="${{RAILWAY_GIT_COMMIT_SHA}}"), "source": {"image": "a/b:1"}}
    found = snapshot({"1": "built", "2": "pulled"}, {"1": of_repository, "2": of_image})
    assert dead_ends(live(found), "built", ["X"]) == []
    assert len(dead_ends(live(found), "pulled", ["X"])) == 1


def test_a_value_that_a_service_sets_itself_comes_before_what_railway_provides() -> None:
    found = snapshot(
        {"1": "web"}, {"1": variables(PORT="3000", RAILWAY_RUN_UID="0", X="${{PORT}}/${{RAILWAY_RUN_UID}}")}
    )
    assert current_value(found, "1", "X") == "3000/0"
    assert current_value(found, "1", "GONE") is None


def test_the_name_of_a_service_is_the_projects_and_not_that_of_an_older_instance_row() -> None:
    found = snapshot({"1": "web"}, {"1": variables(X="${{RAILWAY_SERVICE_NAME}}")})
    newer = snapshot({"1": "web"}, {"1": variables(X="${{RAILWAY_SERVICE_NAME}}")}, elsewhere={"1": "renamed"})
    assert (current_value(found, "1", "X"), current_value(newer, "1", "X")) == ("web", "renamed")


def test_two_hundred_services_that_refer_to_each_other_are_compared_in_seconds() -> None:
    count = 200
    services = {str(n): variables(A="1", X=f"${{{{s{(n + 1) % count}.A}}}}") for n in range(count)}
    found = snapshot({id_: f"s{id_}" for id_ in services}, services)
    began = time.perf_counter()
    assert {gives(found, id_)["X"].text for id_ in services} == {"1"}
    assert time.perf_counter() - began < 10
