"""No code is unused: vulture searches the project and its tests together."""

from __future__ import annotations

import ast
from pathlib import Path

from vulture import Vulture
from vulture.core import Item

from tests.structure.sources import CHECKOUT, files

DECLARED = (
    "convos_infra/railway/resources/",
    "convos_infra/railway/service_configuration.py",
    "convos_infra/schema/resource.py",
    "pool/pool_contract/answers.py",
    "pool/pool_contract/events.py",
    "emulator/settings.py",
    "stack/settings.py",
    "tests/unit/railway/test_attribute.py",
)
"""Files in which a class field is a declaration: it is read by its name in a config, a patch, a state or an answer."""
CALLED_BY_NAME = [
    "_*_stmt",  # convos_infra/schema finds what handles a statement by the statement's name
    *("test_*", "pytest_*", "pytestmark", "_split_scope", "__getattr__", "__call__"),  # pytest, pytest-xdist, pickle
    *("do_*", "log_message", "handle_error", "client_address", "protocol_version", "close_connection"),  # http.server
    *("daemon_threads", "block_on_close", "request_queue_size"),  # socketserver
    *("trust_env", "get_redirect_target", "release_conn", "decode_content"),  # requests
    *("ConnectionCls", "pool_classes_by_scheme", "default_port", "response_class"),  # urllib3, http.client
    *("redirect_slashes", "total_tokens", "should_exit"),  # Starlette, AnyIO, Uvicorn
    *("handle_starttag", "handle_data"),  # html.parser
    *("isolation_level", "readinto"),  # psycopg, io
    *("model_config",),  # pydantic
    *("configure", "diff", "new_resource", "serialize_as_secret_always", "tracebacklimit"),  # Pulumi, Python
    *("latestCommit", "usePreviousImageTag"),  # arguments of Railway's mutations
]
CALLED_BY_DECORATOR = [
    "@query.field",
    "@mutation.field",
    "@subscription.field",
    "@pytest.fixture",
    "@act",
    "@pytest.hookimpl",
]


def unused(paths: list[str]) -> list[Item]:
    vulture = Vulture(ignore_names=CALLED_BY_NAME, ignore_decorators=CALLED_BY_DECORATOR)
    vulture.scavenge(paths)
    return [item for item in vulture.get_unused_code(min_confidence=60) if not is_declared(item)]


def is_declared(item: Item) -> bool:
    """Tell whether an item is a field of a class, in a file where fields are declarations."""
    if item.typ != "variable" or not Path(item.filename).as_posix().startswith(
        tuple(f"{CHECKOUT}/{one}" for one in DECLARED)
    ):
        return False
    tree = ast.parse(Path(item.filename).read_text())
    fields = (
        one
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for one in node.body
        if isinstance(one, ast.AnnAssign)
    )
    return any(one.lineno <= item.first_lineno <= (one.end_lineno or one.lineno) for one in fields)


def test_everything_is_used() -> None:
    found = unused([str(CHECKOUT / name) for name in files("*.py")])
    assert [item.get_report() for item in found] == []


def test_what_nothing_uses_is_found(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def used(): ...\ndef forgotten(): ...\nused()\n")
    assert [item.name for item in unused([str(file)])] == ["forgotten"]
