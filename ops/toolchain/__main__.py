"""`python3 -m ops.toolchain [COMMAND]`: installs what a fresh machine needs before anything else can run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def main(argv: list[str] | None = None) -> int:
    """Run one command; report errors in one line, never as a traceback."""
    parser = argparse.ArgumentParser(prog="python3 -m ops.toolchain", description=__doc__)
    parser.add_argument(
        "command",
        choices=["venv", "tools", "pulumi", "workflows", "tests", "checksums", "path", "doctor", "docs"],
        nargs="?",
        default="tools",
    )
    parser.add_argument("--json", action="store_true", help="doctor: one document for scripts")
    chosen = parser.parse_args(argv)
    command = chosen.command
    if sys.version_info < (3, 11):  # noqa: UP036 - the one line for those who call it with an older Python
        sys.stderr.write(f"python: {sys.executable} is {sys.version.split()[0]}; 3.11 or newer is needed\n")
        return 1
    from ops.toolchain.errors import ToolError  # noqa: PLC0415 - below, Python's version has been checked

    try:
        if command == "doctor":
            return _doctor(as_json=chosen.json)
        _run(command)
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:  # a full disk, a read-only checkout: the system's own message is the clearest
        sys.stderr.write(f"toolchain: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command again to continue\n")
        return 130
    return 0


def _doctor(*, as_json: bool) -> int:
    """Print what this machine has and lacks; return 3 where `make local` would not work."""
    from ops.toolchain import survey, survey_facts  # noqa: PLC0415
    from ops.toolchain.store import default_store  # noqa: PLC0415

    found = survey.survey(survey_facts.read(CHECKOUT, default_store()))
    rows = [json.dumps([one.document() for one in found], indent=2)] if as_json else survey.lines(found)
    sys.stdout.write("\n".join(rows) + "\n")
    return 0 if survey.is_enough(found) else 3


def _run(command: str) -> None:
    from ops.toolchain import choose, for_tests, release, subsets, tools, venv  # noqa: PLC0415
    from ops.toolchain.console import step  # noqa: PLC0415
    from ops.toolchain.machine import read_machine  # noqa: PLC0415
    from ops.toolchain.store import default_store  # noqa: PLC0415

    store = default_store()
    if command == "path":  # for shells: PATH="$(python3 -m ops.toolchain path):$PATH"
        sys.stdout.write(f"{store.bin}\n")
        return
    if command == "docs":  # an environment of its own: nothing else needs the generator
        with step("docs") as current:
            venv.ensure(store.root.parent / "docs", CHECKOUT / "ops" / "site" / "requirements.txt", store, current)
        return
    with step({"venv": "python", "tools": "toolchain"}.get(command, command)) as current:
        if command == "venv":
            folder = Path(os.environ.get("CONVOS_VENV", CHECKOUT / ".venv"))
            current.got(f"python {sys.version.split()[0]}")
            venv.ensure(folder, CHECKOUT / "ops" / "requirements.txt", store, current)
        elif command == "checksums":
            release.pin(current)
            current.got(str(release.CHECKSUMS.relative_to(CHECKOUT)))
        elif command == "workflows":
            current.result.extend(tools.summary(subsets.workflow_tools(store, current)))
        elif command == "tests":
            for_tests.install(read_machine(), store, current)
        elif command == "pulumi":
            current.result.extend(tools.summary(subsets.pulumi(store, current)))
        else:
            chosen = choose.ensure(store, current)
            current.result.extend(tools.summary(chosen.tools.values()))


if __name__ == "__main__":
    sys.exit(main())
