"""Generates files from the model of a stack's config, and from the declarations of keys and attributes.

That is Pulumi.yaml's keys, docs/configuration.md, docs/service-attributes.md, the tables in docs/runtime.md and
docs/pool.md, the pages about Railway, keys.list and .env.example of the runtime, .env.example of the pool manager, the
smoke tests' keys, and the lists of branches and stacks in the workflows.

python -m ops config-docs [--write]; without --write, exit code 1 if a file is not up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.railway.service_configuration import ATTRIBUTES
from ops.ci import workflow
from ops.ci.image_tags import BRANCH_TAGS
from ops.config import (
    attributes_page,
    configuration_page,
    env_example,
    keys_list,
    pool_page,
    pulumi_yaml,
    runtime_page,
    smoke_test_keys,
    workflow_stacks,
)
from ops.conformance.scenarios import checked
from ops.pulumi_cli import CHECKOUT
from ops.railway_facts import coverage_page, facts_page
from ops.railway_facts.citations import cited
from ops.railway_facts.register import register
from pool_contract.keys import DECLARATIONS
from stack.settings import KEYS

if TYPE_CHECKING:
    from pathlib import Path


def texts(checkout: Path) -> dict[Path, str]:
    """Return each file and its content."""
    keys = list(KEYS.values())
    program, workflows = checkout / "Pulumi.yaml", checkout / ".github" / "workflows"
    of_workflows = {
        file: workflow_stacks.written(file.read_text(encoding="utf-8"), BRANCH_TAGS) for file in workflows.glob("*.yml")
    }
    smoke_tests = workflows / "build-runtime.yml"
    runtime, pool = checkout / "docs" / "runtime.md", checkout / "docs" / "pool.md"
    return {
        program: pulumi_yaml.written(program.read_text(encoding="utf-8"), keys),
        checkout / "docs" / "configuration.md": configuration_page.page(keys, DECLARATIONS),
        checkout / "docs" / "service-attributes.md": attributes_page.page(ATTRIBUTES),
        checkout / "docs" / "railway-facts.md": facts_page.page(register(), cited(checkout), checked()),
        checkout / "docs" / "railway-coverage.md": coverage_page.page(register(), coverage_page.served(checkout)),
        checkout / "runtime" / "scripts" / "keys.list": keys_list.keys_list(DECLARATIONS),
        checkout / "runtime" / ".env.example": env_example.env_example(DECLARATIONS),
        checkout / "pool" / ".env.example": env_example.pool_env_example(DECLARATIONS),
        pool: pool_page.written(pool.read_text(encoding="utf-8"), DECLARATIONS),
        runtime: runtime_page.written(runtime.read_text(encoding="utf-8"), DECLARATIONS),
        **of_workflows,
        smoke_tests: smoke_test_keys.written(of_workflows[smoke_tests], DECLARATIONS),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files, or report which are not up to date."""
    parser = argparse.ArgumentParser(prog="ops config-docs", description=__doc__)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args(argv)
    wanted = texts(CHECKOUT)
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if stale and not chosen.write:
        names = ", ".join(str(file.relative_to(CHECKOUT)) for file in stale)
        raise InfraError(names, "out of date", "make config-docs")
    for file in stale:
        file.write_text(wanted[file], encoding="utf-8")
        sys.stdout.write(f"  written: {file.relative_to(CHECKOUT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))
