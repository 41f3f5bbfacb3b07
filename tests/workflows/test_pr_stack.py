"""Stacks of pull requests: what their config is, which image they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from convos_infra.errors import InfraError
from convos_infra.registry.transport import Pace
from ops.ci.deploy_decision import IMAGES
from ops.ci.github import GitHub
from ops.ci.pr_image import (
    OWN_IMAGES,
    POOL,
    RUNTIME,
    TEMPLATE,
    NotBuiltError,
    OwnImage,
    builds_image,
    conclusion_of,
    own_image,
    wait_for_images,
)
from ops.ci.pr_lifetime import announcement
from ops.ci.pr_stack import settings_of
from tests.registry.conftest import Registry
from tests.registry.pushing import Repository as Images
from tests.workflows.github_double import Repository

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"
HEAD = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"


def test_its_config_is_never_made_from_production() -> None:
    assert TEMPLATE == "dev"
    chosen = settings_of(7, "pr-7")
    assert (chosen["environment"], chosen["imageTag"], chosen["protect"]) == ("pr-7", "pr-7", "false")
    assert (chosen["agentsOnDestroy"], chosen["dataOnDestroy"]) == ("delete", "delete"), "it has no data of anybody"
    assert "destroyAdopted" not in chosen
    assert not {"imageTag", "poolImage"} & settings_of(7, "").keys()
    assert settings_of(7, "", "ghcr.io/a/b:pr-7")["poolImage"] == "ghcr.io/a/b:pr-7"


def test_its_comment_and_its_sweep_know_the_same_lifetime() -> None:
    text = announcement("pr-7", {"canary": "https://c", "poolManager": ""}, 24)
    assert "- canary: https://c\n- poolManager: no address\n" in text
    assert "24 hours after its last update" in text
    jobs = yaml.safe_load((WORKFLOWS / "pr-stack.yml").read_text())["jobs"]
    lifetimes = [
        step["env"]["PR_STACK_HOURS"] for name in ("up", "sweep") for step in jobs[name]["steps"] if "run" in step
    ]
    assert lifetimes == ["${{ vars.PR_STACK_HOURS }}"] * 2


def commit_of(tag: str) -> dict[str, str]:
    return {"org.opencontainers.image.revision": tag}


def templates(images: Images) -> dict[str, object]:
    """A config whose both images are in one repository."""
    return {"imageRepository": images.location, "poolImage": f"{images.location}:dev"}


@pytest.fixture(params=OWN_IMAGES, ids=lambda image: image.folder)
def image(request: pytest.FixtureRequest) -> OwnImage:
    found: OwnImage = request.param
    return found


def test_it_runs_the_pull_requests_own_image_and_no_older_one(registry: Registry, image: OwnImage) -> None:
    images = Images(registry.host, f"convos/pr-stack-{image.folder}")
    template = templates(images)
    images.image("dev", content="dev")
    with pytest.raises(
        NotBuiltError, match=f"{image.key}: pr-7 does not exist yet; wait for build-{image.folder} to finish"
    ):
        own_image(image, template, 7, HEAD)
    images.image("pr-7", content="last week's", labels=commit_of("0" * 40))
    with pytest.raises(NotBuiltError, match=f"{image.key}: pr-7 is built from 0000000, not from 3b8f1c2"):
        own_image(image, template, 7, HEAD)
    images.image("pr-7", content="today's", labels=commit_of(HEAD))
    wanted = {"imageTag": "pr-7", "poolImage": f"{images.location}:pr-7"}
    assert own_image(image, template, 7, HEAD) == wanted[image.key]


@pytest.mark.parametrize("template", [{}, {"poolImage": ""}, {"poolRepo": "owner/name"}, {"poolBuild": True}])
def test_a_template_without_a_pool_managers_image_asks_no_registry(template: dict[str, object]) -> None:
    assert own_image(POOL, template, 7, HEAD) == ""


@pytest.mark.parametrize(
    "reference", ["{}:dev", "{}:sha-1a2b3c4", "{}:dev@sha256:" + "a" * 64, "{}@sha256:" + "a" * 64]
)
def test_whatever_the_template_pins_a_pull_request_runs_its_own_pool_manager(
    registry: Registry, reference: str
) -> None:
    images = Images(registry.host, "convos/pr-stack-pool-pins")
    images.image("pr-7", content="today's", labels=commit_of(HEAD))
    template = {"poolImage": reference.format(images.location)}
    assert own_image(POOL, template, 7, HEAD) == f"{images.location}:pr-7"


def test_a_build_of_the_branch_that_writes_the_same_sha_tag_changes_nothing(
    registry: Registry, image: OwnImage
) -> None:
    """A push to dev and a pull request dev -> main of one commit make two images of it."""
    images = Images(registry.host, f"convos/pr-stack-two-builds-{image.folder}")
    images.image("pr-12", content="of the pull request", labels=commit_of(HEAD))
    images.image(f"sha-{HEAD[:7]}", content="of the push", labels=commit_of(HEAD))
    assert own_image(image, templates(images), 12, HEAD).endswith("pr-12")


def test_a_pull_request_that_stopped_changing_the_images_runs_the_templates(
    registry: Registry, door: GitHub, repository_on_github: Repository
) -> None:
    images = Images(registry.host, "convos/pr-stack-reverted")
    images.image("pr-7", content="last week's", labels=commit_of("0" * 40))
    repository_on_github.files_of[7] = ["docs/ci.md"]
    pace = Building(lambda: None).pace
    assert wait_for_images(door, templates(images), 7, HEAD, pace) == {"imageTag": "", "poolImage": ""}


@pytest.mark.parametrize("revision", ["", "0" * 40, "x\x1b[31m"])
def test_an_image_whose_label_is_not_the_head_is_not_the_heads(
    registry: Registry, image: OwnImage, revision: str
) -> None:
    images = Images(registry.host, f"convos/pr-stack-label-{image.folder}-{len(revision)}")
    images.image("pr-7", content=revision, labels=commit_of(revision))
    with pytest.raises(NotBuiltError) as caught:
        own_image(image, templates(images), 7, HEAD)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["runtime/Dockerfile"], {RUNTIME}),
        (["pool/Dockerfile"], {POOL}),
        (["pool/x.py", "runtime/start.sh"], {RUNTIME, POOL}),
        (["docs/runtime/x.md", "runtime.md", "docs/pool/x", "pools/x", "tests/pool/x.py", "pool.py"], set()),
        (["pool/runtime/x"], {POOL}),
        ([], set()),
        ([f"docs/{n}" for n in range(150)] + ["runtime/x"], {RUNTIME}),
        ([f"docs/{n}" for n in range(150)] + ["pool/x"], {POOL}),
    ],
)
def test_a_pull_request_builds_an_image_if_it_changes_what_one_is_built_from(
    door: GitHub, repository_on_github: Repository, files: list[str], wanted: set[OwnImage]
) -> None:
    repository_on_github.files_of[7] = files
    assert {image for image in OWN_IMAGES if builds_image(image, door, 7)} == wanted


def test_each_image_is_waited_for_by_the_workflow_that_builds_it(image: OwnImage) -> None:
    on = yaml.safe_load((WORKFLOWS / image.workflow_file).read_text(encoding="utf-8"))[True]
    assert on["pull_request"]["paths"] == [f"{image.folder}/**"]
    assert {one.folder for one in OWN_IMAGES} == set(IMAGES)


class Building:
    """Time that passes only while one waits; after some waits the build ends."""

    def __init__(self, then: Callable[[], object], waits: int = 3) -> None:
        self.now = 0.0
        self.left, self.then = waits, then
        self.pace = Pace(sleep=self.sleep, monotonic=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.left -= 1
        if self.left == 0:
            self.then()


def run_of(status: str, conclusion: str | None, head: str = HEAD, file: str = "build-runtime.yml") -> dict[str, object]:
    return {"path": file, "head_sha": head, "status": status, "conclusion": conclusion}


def test_a_stack_that_is_asked_for_during_the_first_build_waits_for_it(
    registry: Registry, door: GitHub, repository_on_github: Repository, image: OwnImage
) -> None:
    images = Images(registry.host, f"convos/pr-stack-waits-{image.folder}")
    images.image("dev", content="dev")
    repository_on_github.files_of[7] = [f"{image.folder}/x"]
    repository_on_github.runs = [run_of("in_progress", None, file=image.workflow_file)]
    building = Building(lambda: images.image("pr-7", content="built", labels=commit_of(HEAD)))
    wanted = {"imageTag": "", "poolImage": ""}
    wanted[image.key] = {"imageTag": "pr-7", "poolImage": f"{images.location}:pr-7"}[image.key]
    assert wait_for_images(door, templates(images), 7, HEAD, building.pace) == wanted
    assert building.now == 60


def test_a_stack_of_two_images_waits_for_both_builds(
    registry: Registry, door: GitHub, repository_on_github: Repository
) -> None:
    runtime = Images(registry.host, "convos/pr-stack-both-runtime")
    pool = Images(registry.host, "convos/pr-stack-both-pool")
    runtime.image("pr-7", content="built", labels=commit_of(HEAD))
    pool.image("pr-7", content="last week's", labels=commit_of("0" * 40))
    repository_on_github.files_of[7] = ["runtime/start.sh", "pool/x.py"]
    repository_on_github.runs = [
        run_of("completed", "success"),
        run_of("queued", None, file="build-pool.yml"),
    ]
    building = Building(lambda: pool.image("pr-7", content="built", labels=commit_of(HEAD)))
    template = {"imageRepository": runtime.location, "poolImage": f"{pool.location}:dev"}
    found = wait_for_images(door, template, 7, HEAD, building.pace)
    assert found == {"imageTag": "pr-7", "poolImage": f"{pool.location}:pr-7"}
    assert building.now == 60


def test_a_build_that_failed_makes_no_stack_from_another_image(
    registry: Registry, door: GitHub, repository_on_github: Repository, image: OwnImage
) -> None:
    images = Images(registry.host, f"convos/pr-stack-failed-{image.folder}")
    images.image("dev", content="dev")
    other = next(one for one in OWN_IMAGES if one != image)
    repository_on_github.files_of[7] = [f"{image.folder}/x"]
    repository_on_github.runs = [
        run_of("completed", "success", file=other.workflow_file),
        run_of("completed", "failure", file=image.workflow_file),
    ]
    wanted = rf"{image.key}: build-{image.folder}\.yml ended with failure for 3b8f1c2"
    with pytest.raises(InfraError, match=wanted):
        wait_for_images(door, templates(images), 7, HEAD, Building(lambda: None).pace)


def test_a_build_that_never_ends_is_not_waited_for_for_ever(
    registry: Registry, door: GitHub, repository_on_github: Repository, image: OwnImage
) -> None:
    images = Images(registry.host, f"convos/pr-stack-hangs-{image.folder}")
    images.image("dev", content="dev")
    repository_on_github.files_of[7] = [f"{image.folder}/x"]
    building = Building(lambda: None)
    with pytest.raises(InfraError, match=f"{image.key}: pr-7 does not exist yet after 1500 s"):
        wait_for_images(door, templates(images), 7, HEAD, building.pace)
    assert building.now == 1500


def test_two_builds_are_not_waited_for_one_after_the_other(
    registry: Registry, door: GitHub, repository_on_github: Repository
) -> None:
    """The job's time has one wait in it: a pool manager that hangs has what the runtime's build left of that."""
    runtime = Images(registry.host, "convos/pr-stack-slow-runtime")
    pool = Images(registry.host, "convos/pr-stack-slow-pool")
    repository_on_github.files_of[7] = ["runtime/start.sh", "pool/x.py"]
    building = Building(lambda: runtime.image("pr-7", content="built", labels=commit_of(HEAD)), waits=60)
    template = {"imageRepository": runtime.location, "poolImage": f"{pool.location}:dev"}
    with pytest.raises(InfraError, match="poolImage: pr-7 does not exist yet after 1500 s"):
        wait_for_images(door, template, 7, HEAD, building.pace)
    assert building.now == 1500


@pytest.mark.parametrize(
    ("runs", "wanted"),
    [
        ([], None),
        ([run_of("completed", "success", head="f" * 40)], None),
        ([run_of("completed", "success", file="test.yml")], None),
        ([run_of("queued", None)], ""),
        ([run_of("completed", "failure"), run_of("waiting", None)], ""),
        ([run_of("completed", "success"), run_of("completed", "failure")], "success"),
        ([run_of("completed", "cancelled")], "cancelled"),
    ],
)
def test_the_newest_run_of_the_head_tells_how_the_build_ended(
    door: GitHub, repository_on_github: Repository, runs: list[dict[str, object]], wanted: str | None
) -> None:
    repository_on_github.runs = runs
    assert conclusion_of(door, "build-runtime.yml", HEAD) == wanted
