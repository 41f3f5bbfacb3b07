"""The same answers from a second implementation of the protocol: crane's own registry."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from convos_infra.registry.client import RegistryClient
from convos_infra.registry.errors import NoSuchManifestError, NoSuchRepositoryError, NoSuchTagError
from convos_infra.registry.resolve import resolve
from tests.registry.conftest import crane_program, wait_until_it_answers
from tests.registry.pushing import AMD64, ARM64, REVISION, Repository
from tests.support.ports import free_port

COMMIT = "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, address = tmp_path_factory.mktemp("crane"), f"127.0.0.1:{free_port()}"
    (folder / "data").mkdir()
    command = [crane_program(), "registry", "serve", "--address", address, "--disk", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until_it_answers(f"http://{address}/v2/", process, folder / "log")
            yield address
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.mark.parametrize("kind", ["single", "two platforms", "attested"])
def test_an_image_resolves_the_same(host: str, kind: str) -> None:
    repository = Repository(host, f"convos/{kind.replace(' ', '-')}")
    labels = {REVISION: COMMIT}
    if kind == "single":
        pushed, platforms = repository.image("scaling", labels=labels), [AMD64]
    elif kind == "attested":
        pushed, platforms = repository.attested("scaling", labels=labels)[0], [AMD64]
    else:
        images = {AMD64: repository.image(labels=labels), ARM64: repository.image(platform=ARM64, labels=labels)}
        pushed, platforms = repository.index("scaling", images), [AMD64, ARM64]
    image = resolve(f"{repository.location}:scaling")
    assert (image.digest, list(image.platforms), image.revision) == (pushed.digest, platforms, COMMIT)


def test_what_is_not_there_is_told_apart(host: str) -> None:
    repository = Repository(host, "convos/told-apart")
    with pytest.raises(NoSuchRepositoryError):
        resolve(f"{repository.location}:scaling")
    index, child, _ = repository.attested("scaling", labels={REVISION: COMMIT})
    with pytest.raises(NoSuchTagError, match="nearest: scaling"):
        resolve(f"{repository.location}:scalin")
    client = RegistryClient(host)
    assert client.delete(repository.name, child.digest)
    with pytest.raises(NoSuchManifestError, match="scaling lists linux/amd64 as"):
        resolve(f"{repository.location}:scaling")
    assert client.delete(repository.name, index.digest)
    assert not client.delete(repository.name, index.digest)
