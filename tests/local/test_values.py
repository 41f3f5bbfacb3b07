"""The pure parts: ports, the services file, the shell's environment, the table, the salt, the locks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from ops.local import environment, ledger, locks, ports, stack, sweep, table, warm
from ops.local.layout import SOCKET_BYTES, Layout
from ops.local.process import Process
from ops.local.services import LocalService, Services, load, save

SERVICES = Services(
    {
        "docker": LocalService("docker", "daemon", "unix:///var/run/docker.sock"),
        "registry": LocalService("registry", "path", "127.0.0.1:5001", Process(12, "boot:99")),
        "buildkit": LocalService("buildkit", "go", "unix:///x/buildkit.sock", Process(13, "boot:98")),
        "emulator": LocalService("emulator", "own", "127.0.0.1:7447", Process(14, "boot:97")),
    },
    {"bridge": "docker0"},
)


def listening() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def test_the_port_that_people_expect_is_taken_when_it_is_free() -> None:
    with listening() as server:
        port = int(server.getsockname()[1])
    assert ports.choose(port) == port


def test_a_port_that_somebody_has_is_left_to_them() -> None:
    with listening() as server:
        port = int(server.getsockname()[1])
        chosen = ports.choose(port)
        assert chosen != port
        assert ports.is_free(chosen)
        assert not ports.is_free(port)


def test_two_of_our_services_never_get_one_port() -> None:
    port = ports.choose(0)
    assert ports.choose(port, {port}) != port


def test_services_are_read_back_as_they_were_written(layout: Layout) -> None:
    save(layout, SERVICES)
    assert load(layout) == SERVICES
    assert load(layout).ports == {5001, 7447}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"services": 3}', '{"services": {"registry": {}}}', '{"services": {"a": null}}']
)
def test_a_half_written_services_file_counts_as_nothing(layout: Layout, text: str) -> None:
    layout.services.write_text(text)
    assert load(layout) == Services()


@pytest.mark.parametrize("value", ["plain", "two words", "it's", 'a "b" $HOME `id` \\ !', "ünï→", "a\nb", ""])
def test_any_value_survives_the_shell(tmp_path: Path, value: str) -> None:
    file = tmp_path / "env"
    file.write_text(environment.script({"VALUE": value}, [tmp_path / "b in"]))
    done = subprocess.run(
        ["/bin/sh", "-euc", '. "$1"; printf "%s|%s" "$VALUE" "$PATH"', "sh", str(file)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{value}|{tmp_path / 'b in'}:/usr/bin:/bin"


def test_the_environment_points_pulumi_at_the_local_stack_only(layout: Layout) -> None:
    values = environment.variables(layout, SERVICES, Path("/bases"))
    assert values["PULUMI_BACKEND_URL"] == f"file://{quote(str(layout.root))}/state?metadata=skip"
    assert values["RAILWAY_ENDPOINT"] == "http://127.0.0.1:7447/graphql/v2"
    assert values["CONVOS_IMAGE_REGISTRY"] == "127.0.0.1:5001"
    assert values["CONVOS_BUILDER"] == "convos-local"
    assert values["CONVOS_BASE_IMAGES"] == "/bases"
    assert values["DOCKER_HOST"] == "unix:///var/run/docker.sock"
    assert "PATH" not in values


def test_dockers_own_builder_is_used_where_we_start_none(layout: Layout) -> None:
    without = Services({name: one for name, one in SERVICES.by_name.items() if name != "buildkit"})
    assert "CONVOS_BUILDER" not in environment.variables(layout, without, None)
    assert "CONVOS_BASE_IMAGES" not in environment.variables(layout, without, None)


def test_variables_that_lead_pulumi_elsewhere_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.UNSET:
        monkeypatch.setenv(name, "the user's own")
    assert not set(environment.UNSET) & set(environment.for_process({}, []))


def test_loopback_is_never_asked_through_a_proxy(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.test")
    assert environment.variables(layout, SERVICES, None)["NO_PROXY"] == "example.test,127.0.0.1,localhost"


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(layout: Layout) -> None:
    first = environment.keep_secret(layout.token)
    assert len(first) > 30
    assert environment.keep_secret(layout.token) == first
    assert layout.token.stat().st_mode & 0o777 == 0o600


def test_sockets_get_a_short_folder_where_the_checkout_is_deep(tmp_path: Path) -> None:
    deep = Layout(tmp_path, tmp_path / ("x" * 100) / ".local")
    assert len(os.fsencode(deep.runtime / "docker" / "containerd" / "containerd-debug.sock.ttrpc")) <= SOCKET_BYTES
    assert deep.runtime != Layout(tmp_path, tmp_path / ("y" * 100) / ".local").runtime


STRANGE = [
    "with space",
    "a#b",
    "a?b",
    "a%20b",
    "größe",
    "日本",
    "a'b",
    'a"b',
    "a&b;c",
    "a$b",
    "a\\b",
    "a+b",
    "~x",
]


@pytest.mark.parametrize("name", STRANGE)
def test_sockets_get_a_plain_folder_where_the_checkout_has_a_strange_name(tmp_path: Path, name: str) -> None:
    runtime = str(Layout(tmp_path, Path("/x") / name / ".local").runtime)
    assert name == "a+b" or name not in runtime
    parts = urlsplit(f"unix://{runtime}/buildkit.sock")
    assert (parts.path, parts.query, parts.fragment) == (f"{runtime}/buildkit.sock", "", "")


@pytest.mark.parametrize("name", STRANGE)
def test_pulumi_finds_the_state_wherever_the_checkout_is(name: str) -> None:
    layout = Layout(Path("/x") / name, Path("/x") / name / ".local")
    url = environment.backend_url(layout)
    assert unquote(urlsplit(url).path) == f"/x/{name}/.local/state"
    assert (urlsplit(url).query, urlsplit(url).fragment) == ("metadata=skip", "")


OUTPUTS: dict[str, Any] = {
    "image": {"tag": "sha-1a2b3c4", "digest": "sha256:" + "c7e7d0e2" * 8},
    "canary": {
        "url": "http://127.0.0.1:18032",
        "image": "h:1/convos-runtime:t@sha256:" + "c7e7d0e2" * 8,
        "mode": "container",
    },
    "poolManager": {
        "url": "http://127.0.0.1:18031",
        "image": "h:1/convos-pool@sha256:" + "19aa30f1" * 8,
        "mode": "simulated",
    },
    "database": {"url": "postgresql://postgres:pass-word@127.0.0.1:5433/convos", "schemaVersion": "0002"},
}


def test_the_table_says_what_runs_where() -> None:
    rows = {row[0]: row[1:] for row in table.rows(OUTPUTS, SERVICES)}
    assert rows["canary"] == ("http://127.0.0.1:18032", "convos-runtime @ sha256:c7e7d0e2 (sha-1a2b3c4)")
    assert rows["pool manager"] == ("http://127.0.0.1:18031", "convos-pool @ sha256:19aa30f1 (simulated run)")
    assert rows["database"] == ("postgresql://postgres:…@127.0.0.1:5433/convos", "schema 0002")
    assert rows["Railway"][0] == "http://127.0.0.1:7447"


@pytest.mark.parametrize("missing", [*OUTPUTS, "all"])
def test_an_output_that_is_not_there_is_left_out(missing: str) -> None:
    outputs = {} if missing == "all" else {name: part for name, part in OUTPUTS.items() if name != missing}
    lines = table.lines(table.rows(outputs, SERVICES))
    assert lines[0].split() == ["what", "where", "runs"]
    assert "None" not in "\n".join(lines)


def test_the_table_counts_warm_agents_or_says_why_there_are_none() -> None:
    def row(counts: dict[str, int] | None) -> tuple[str, ...]:
        return {found[0]: found[1:] for found in table.rows(OUTPUTS, SERVICES, counts)}["agents"]

    assert row({"idle": 3, "starting": 0, "total": 3}) == ("/api/pool/status", "3 warm")
    assert row({"idle": 0, "starting": 2, "claimed": 1}) == ("/api/pool/status", "0 warm, 1 claimed, 2 starting")
    assert row(None) == ("-", "none: without Docker no pool manager runs that would make them")


def test_warm_agents_are_waited_for_and_not_for_ever() -> None:
    answers = [None, {"idle": 1}, {"idle": 3}, {"idle": 9}]
    assert warm.wait("http://h", 3, 60.0, lambda _: answers.pop(0)) == {"idle": 3}
    assert warm.wait("http://h", 3, 0.0, lambda _: None) is None
    assert warm.counts("http://127.0.0.1:9") is None


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ({}, ("", 0)),
        ({"poolManager": {"mode": "simulated", "url": ""}, "agents": {"keptIdle": 3}}, ("", 3)),
        ({"poolManager": {"mode": "container", "url": "http://h"}, "agents": {"keptIdle": 3}}, ("http://h", 3)),
    ],
)
def test_a_pool_manager_is_asked_where_one_runs(outputs: dict[str, Any], found: tuple[str, int]) -> None:
    assert warm.pool_manager(outputs) == found


def test_a_table_never_shows_a_password() -> None:
    assert "pass-word" not in "\n".join(table.lines(table.rows(OUTPUTS, SERVICES)))


@pytest.mark.parametrize(
    ("answer", "deployments"),
    [
        ({"calls": [{"deployments": 1}, {"deployments": 0}, {"deployments": 2}, {}]}, 3),
        ([{"deployments": ["d-1", "d-2"]}, {"deployments": None}], 2),
        ([{"deployments": ["d-1"], "client": "convos-pool"}, {"deployments": ["d-2"], "client": "convos-infra"}], 1),
        ({"calls": []}, 0),
        ({"error": "no"}, None),
        ("text", None),
    ],
)
def test_deployments_are_counted_from_the_ledger(answer: Any, deployments: int | None) -> None:
    assert ledger.count(answer) == deployments


def test_a_ledger_that_nobody_serves_counts_nothing() -> None:
    assert ledger.deployments("127.0.0.1:9") is None


def test_the_salt_goes_with_the_passphrase_and_the_rest_stays(tmp_path: Path) -> None:
    config = tmp_path / "Pulumi.local.yaml"
    config.write_text("# ours\nconfig:\n  convos-infra:imageTag: local\nencryptionsalt: v1:abc=:v1:def\n")
    assert stack.forget_salt(config)
    assert config.read_text() == "# ours\nconfig:\n  convos-infra:imageTag: local\n"


@pytest.mark.parametrize(
    "secret", ["  x:key:\n    secure: v1:abc\n", "  x:list:\n    - secure: v1:abc\n", "  x:key: {secure: v1:abc}\n"]
)
def test_a_salt_that_secrets_depend_on_is_kept(tmp_path: Path, secret: str) -> None:
    config = tmp_path / "Pulumi.local.yaml"
    config.write_text(text := f"config:\n{secret}encryptionsalt: v1:abc=\n")
    assert not stack.forget_salt(config)
    assert config.read_text() == text


def lock(state: Path, **holder: Any) -> Path:
    file = state / ".pulumi" / "locks" / "organization" / "x" / "local" / f"{len(list(state.rglob('*.json')))}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(holder))
    return file


def test_only_the_lock_of_a_pulumi_that_is_gone_is_removed(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "0"])
    child.wait()
    dead = lock(tmp_path, pid=child.pid, hostname=socket.gethostname())
    living = lock(tmp_path, pid=os.getpid(), hostname=socket.gethostname())
    elsewhere = lock(tmp_path, pid=child.pid, hostname="another-machine")
    broken = lock(tmp_path)
    assert locks.release_dead(tmp_path) == 1
    assert not dead.exists()
    assert living.exists()
    assert elsewhere.exists()
    assert broken.exists()


def test_things_in_docker_are_found_by_labels_of_this_stack_alone(layout: Layout, tmp_path: Path) -> None:
    other = Layout(layout.checkout, tmp_path / "other")
    assert not set(sweep.labels(layout)) & set(sweep.labels(other))
