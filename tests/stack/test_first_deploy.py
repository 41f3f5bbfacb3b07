"""From an empty account to a stack that runs: `make first-deploy` with answers on standard input (`make incidents`)."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.stack.fix_stack import Done, LocalStack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.minutes_long("make incidents", asked=os.environ.get("INCIDENTS") == "1"),
]
OF_LOCAL = (
    *("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CONFIG_PASSPHRASE", "RAILWAY_API_TOKEN"),
    *("CONVOS_IMAGE_REGISTRY", "CONVOS_BUILDER", "CONVOS_BASE_IMAGES", "BUILDKIT_HOST", "BUILDX_CONFIG"),
)
"""What a shell of somebody who begins does not have."""
PHRASE = "a phrase to remember"


def test_a_walk_that_is_interrupted_twice_ends_with_a_stack_that_runs(stack: LocalStack, tmp_path: Path) -> None:
    outputs, token = stack.outputs(), (stack.checkout / ".local" / "token").read_text().strip()
    home = tmp_path / "home"
    shutil.copytree(stack.checkout / ".local" / "pulumi-home", home, symlinks=True)
    (home / "credentials.json").unlink(missing_ok=True)
    (tmp_path / "state").mkdir()
    backend = f"file://{tmp_path / 'state'}"
    shell = [backend, PHRASE, token]

    def walk(*answers: str) -> Done:
        file = tmp_path / "answers"
        file.write_text("".join(f"{one}\n" for one in answers))
        script = f'unset {" ".join(OF_LOCAL)}; PULUMI_HOME="$1" exec make first-deploy STACK=first < "$2"'
        return stack.shell("sh", "-c", script, "sh", str(home), str(file), seconds=600)

    def runtime(tag: str) -> str:
        return f"{outputs['image']['reference'].partition('@')[0].rpartition(':')[0]}{tag}"

    cut = walk("nonsense", backend, "short", PHRASE, "wrong-token", token)
    assert cut.code != 0
    assert "backend: 'nonsense' is not a backend's URL" in cut.text
    assert "the token is wrong or revoked" in cut.text
    assert "standard input has no more answers; run the same command again" in cut.text
    assert not (stack.checkout / "Pulumi.first.yaml").exists()
    pool = outputs["poolManager"]["image"].partition("@")[0]
    refused = walk(*shell, runtime(""), "nosuch", pool, "openrouter/m", "", outputs["image"]["tag"], "no")
    assert refused.code != 0
    assert "no tag nosuch" in refused.text
    assert "3 deployments" in refused.text
    assert "update: not made: you said no" in refused.text
    assert "first" not in str(stack.emulator("/snapshot")["projects"][0]["environments"])
    done = walk(*shell, "yes")
    try:
        assert done.code == 0, done.text
        assert re.search(r"10/10 check: \d+ questions of make doctor are answered well", done.text)
        again = walk(*shell)
        assert again.code == 0, again.text
        assert "to do" not in "".join(re.findall(r"(?:[4-9]|10)/10 .*", again.text))
        for secret in (token, PHRASE):
            assert secret not in cut.text + refused.text + done.text + again.text
    finally:
        script = f"unset {' '.join(OF_LOCAL)}; exec pulumi destroy --yes --stack first --non-interactive"
        more = {"PULUMI_CONFIG_PASSPHRASE": PHRASE, "DATA_ON_DESTROY": "delete", "AGENTS_ON_DESTROY": "delete"}
        again_set = "".join(f" {name}='{value}'" for name, value in {**more, "PULUMI_BACKEND_URL": backend}.items())
        script = script.replace("exec pulumi", f"export{again_set} RAILWAY_API_TOKEN={token}; exec pulumi")
        destroyed = stack.shell("sh", "-c", script, seconds=300)
        (stack.checkout / "Pulumi.first.yaml").unlink(missing_ok=True)
    assert destroyed.code == 0, destroyed.text
