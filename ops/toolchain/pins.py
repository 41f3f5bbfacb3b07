"""The pins: one version of each tool, and its build from Go modules. The hashes are in each go.sum."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

PULUMI = "3.259.0"
PULUMI_MINIMUM = (3, 259, 0)
"""The oldest accepted `pulumi` on PATH: this program was not tested with older ones."""
LANGUAGE_HOST = "3.79.0"
"""Newer language hosts are a separate Go module that the module proxy does not serve; this one runs today's SDK."""
DOCKER_BUILD = "0.0.22"
BUILDKIT = "0.31.1"
BUILDKIT_MINIMUM = (0, 12, 0)
REGISTRY = "3.1.2"
DOCKER_MINIMUM = (23, 0, 0)
"""Docker's first release whose default builder is BuildKit, which docker-build's docker driver needs."""
GO_MINIMUM = (1, 21)
"""The first Go that downloads a newer Go by itself if a go.mod requires it."""
RELEASES = "https://get.pulumi.com/releases/sdk"
CHECKSUM_LIST = f"https://github.com/pulumi/pulumi/releases/download/v{PULUMI}/pulumi-{PULUMI}-checksums.txt"

HERE = Path(__file__).parent
PULUMI_PROGRAMS = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)


@dataclass(frozen=True)
class GoModule:
    """A folder with a go.mod and a go.sum, the commands built from it, and files copied from a module.

    Args:
        folder: the folder of the go.mod.
        commands: (program, import path, linker flags) for `go build`.
        scripts: (module, path in the module's folder) of files that only need to be made executable.
    """

    folder: Path
    commands: tuple[tuple[str, str, str], ...]
    scripts: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The name of its build in the cache and in messages."""
        return self.folder.name

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of all files that it installs."""
        return tuple(c[0] for c in self.commands) + tuple(Path(s[1]).name for s in self.scripts)

    def digest(self) -> str:
        """Return a digest of everything that determines the build, except the Go release."""
        parts = [repr((self.name, self.commands, self.scripts)).encode()]
        parts += [p.read_bytes() for p in sorted(self.folder.rglob("*")) if p.is_file()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


_SDK = "github.com/pulumi/pulumi/sdk/v3"

PULUMI_MODULE = GoModule(
    HERE / "pulumi",
    (
        (
            "pulumi",
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            f"-s -w -X {_SDK}/go/common/version.Version=v{PULUMI}",
        ),
    ),
    (
        (_SDK, "python/cmd/pulumi-language-python-exec"),
        (_SDK, "python/dist/pulumi-resource-pulumi-python"),
    ),
)
LANGUAGE_MODULE = GoModule(
    HERE / "language-python",
    (("pulumi-language-python", f"{_SDK}/python/cmd/pulumi-language-python", "-s -w"),),
)
DOCKER_BUILD_MODULE = GoModule(
    HERE / "docker-build",
    (
        (
            "pulumi-resource-docker-build",
            "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
            f"-s -w -X github.com/pulumi/pulumi-docker-build/provider.Version={DOCKER_BUILD}",
        ),
    ),
)
BUILDKIT_MODULE = GoModule(
    HERE / "buildkit",
    tuple(
        (
            name,
            f"github.com/moby/buildkit/cmd/{name}",
            f"-s -w -X github.com/moby/buildkit/version.Version=v{BUILDKIT}",
        )
        for name in ("buildkitd", "buildctl")
    ),
)
REGISTRY_MODULE = GoModule(
    HERE / "registry", (("registry", "github.com/distribution/distribution/v3/cmd/registry", "-s -w"),)
)
ACTIONLINT, ACT = "1.7.12", "0.2.89"
WORKFLOW_MODULE = GoModule(
    HERE / "workflows",
    (
        ("actionlint", "github.com/rhysd/actionlint/cmd/actionlint", "-s -w"),
        ("act", "github.com/nektos/act", f"-s -w -X main.version={ACT}"),
    ),
)
"""Check and run .github/workflows. Only tests and `make workflows` use them, so `make toolchain` leaves them out."""
