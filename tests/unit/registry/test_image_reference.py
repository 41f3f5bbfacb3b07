"""References: what parses, to what, and what is refused, why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.registry.errors import InvalidReferenceError
from convos_infra.registry.reference import ImageReference, is_digest, parse, parse_version, short_digest

HEX = "ee9764fe" * 8
DIGEST = f"sha256:{HEX}"

GOOD = [
    ("ubuntu", "docker.io/library/ubuntu:latest"),
    ("ubuntu:24.04", "docker.io/library/ubuntu:24.04"),
    ("library/ubuntu", "docker.io/library/ubuntu:latest"),
    ("docker.io/ubuntu", "docker.io/library/ubuntu:latest"),
    ("index.docker.io/library/ubuntu", "docker.io/library/ubuntu:latest"),
    ("xmtplabs/convos-runtime", "docker.io/xmtplabs/convos-runtime:latest"),
    ("ghcr.io/xmtplabs/convos-runtime", "ghcr.io/xmtplabs/convos-runtime:latest"),
    ("ghcr.io/xmtplabs/convos-runtime:scaling", "ghcr.io/xmtplabs/convos-runtime:scaling"),
    (f"ghcr.io/xmtplabs/convos-runtime@{DIGEST}", f"ghcr.io/xmtplabs/convos-runtime@{DIGEST}"),
    (f"ghcr.io/xmtplabs/convos-runtime:scaling@{DIGEST}", f"ghcr.io/xmtplabs/convos-runtime:scaling@{DIGEST}"),
    (f"ubuntu@{DIGEST}", f"docker.io/library/ubuntu@{DIGEST}"),
    ("localhost/convos", "localhost/convos:latest"),
    ("localhost:5000/convos", "localhost:5000/convos:latest"),
    ("localhost:5000", "docker.io/library/localhost:5000"),
    ("127.0.0.1:5000/convos/runtime:dev", "127.0.0.1:5000/convos/runtime:dev"),
    ("[::1]:5000/convos:dev", "[::1]:5000/convos:dev"),
    ("[2001:db8::1]/convos", "[2001:db8::1]/convos:latest"),
    ("registry.example:65535/a/b/c/d", "registry.example:65535/a/b/c/d:latest"),
    ("REGISTRY.example/a", "REGISTRY.example/a:latest"),
    ("Localhost/a", "Localhost/a:latest"),
    ("registry-1.example/a", "registry-1.example/a:latest"),
    ("a_b/c__d/e-f/g--h/i.j", "docker.io/a_b/c__d/e-f/g--h/i.j:latest"),
    ("a:_tag", "docker.io/library/a:_tag"),
    ("a:UPPER.Case-9_", "docker.io/library/a:UPPER.Case-9_"),
    (f"a:{'t' * 128}", f"docker.io/library/a:{'t' * 128}"),
    (f"a/{'r' * 253}", f"docker.io/a/{'r' * 253}:latest"),
    ("0/1:2", "docker.io/0/1:2"),
]

BAD = [
    ("", "it is empty"),
    (" ", "character ' ' at position 1"),
    ("ubuntu ", "character ' ' at position 7"),
    ("ubuntu\n", "character '\\n' at position 7"),
    ("ubu\x00ntu", "character '\\x00' at position 4"),
    ("übuntu", "character 'ü' at position 1"),
    ("UPPER/Case", "character 'C' is not allowed in a repository; repositories are lower case"),
    ("ghcr.io/xmtplabs/Convos", "character 'C' is not allowed in a repository; repositories are lower case"),
    ("Ubuntu", "character 'U' is not allowed in a repository; repositories are lower case"),
    ("ghcr.io/", "it has no repository"),
    ("ghcr.io/:tag", "it has no repository"),
    (":tag", "it has no repository"),
    (f"@{DIGEST}", "it has no repository"),
    ("/ubuntu", "empty part between slashes"),
    ("ghcr.io/a//b", "empty part between slashes"),
    ("ghcr.io/a/", "empty part between slashes"),
    ("ghcr.io/-a", "'-a' must begin and end with a letter or digit"),
    ("ghcr.io/a-", "'a-' must begin and end with a letter or digit"),
    ("ghcr.io/a..b", "'a..b' must begin and end"),
    ("ghcr.io/a___b", "'a___b' must begin and end"),
    ("ghcr.io/a._b", "'a._b' must begin and end"),
    ("ghcr.io/a+b", "character '+' is not allowed in a repository"),
    ("ghcr.io/a$b", "character '$' is not allowed in a repository"),
    ("ghcr.io/a:", "its tag is empty"),
    ("ghcr.io/a:b:c", "character ':' is not allowed in a tag"),
    ("ghcr.io/a:7/merge", "character '/' is not allowed in a tag"),
    ("ghcr.io/a:.b", "a tag must not begin with '.'"),
    ("ghcr.io/a:-b", "a tag must not begin with '-'"),
    ("ghcr.io/a:b+c", "character '+' is not allowed in a tag"),
    (f"ghcr.io/a:{'t' * 129}", "its tag has 129 characters, more than 128"),
    (f"a/{'r' * 254}", "its repository has 256 characters, more than 255"),
    ("ghcr.io/a@", "a digest is written sha256:<64 hex digits>"),
    ("ghcr.io/a@sha256", "a digest is written sha256:<64 hex digits>"),
    ("ghcr.io/a@sha256:", "its digest has 0 hex digits, not 64"),
    ("ghcr.io/a@sha256:ee9764fe", "its digest has 8 hex digits, not 64"),
    (f"ghcr.io/a@{DIGEST}0", "its digest has 65 hex digits, not 64"),
    (f"ghcr.io/a@sha256:{'g' * 64}", "character 'g' is not a lower-case hex digit"),
    (f"ghcr.io/a@sha256:{HEX.upper()}", "character 'E' is not a lower-case hex digit"),
    (f"ghcr.io/a@sha512:{HEX * 2}", "digest algorithm 'sha512' is not sha256"),
    (f"ghcr.io/a@{HEX}", "a digest is written sha256:<64 hex digits>"),
    (f"ghcr.io/a@{DIGEST}@{DIGEST}", "character '@' is not a lower-case hex digit"),
    (f"ghcr.io/a:sha256:{HEX}", "character ':' is not allowed in a tag"),
    (HEX, "64 hex digits alone are an image id, not a repository"),
    ("https://ghcr.io/a", "it begins with 'https://'; leave that out"),
    ("docker://ghcr.io/a", "it begins with 'docker://'; leave that out"),
    ("ghcr.io:0/a", "port '0' is not a number from 1 to 65535"),
    ("ghcr.io:65536/a", "port '65536' is not a number from 1 to 65535"),
    ("ghcr.io:http/a", "port 'http' is not a number from 1 to 65535"),
    ("ghcr.io:/a", "port '' is not a number from 1 to 65535"),
    ("user@ghcr.io/a", "a digest is written sha256:<64 hex digits>"),
    ("-ghcr.io/a", "'-ghcr.io' is not a host name"),
    ("ghcr_.io/a", "'ghcr_.io' is not a host name (character '_')"),
    ("[::1/a", "'[::1' is not a host name"),
]


@pytest.mark.parametrize(("typed", "name"), GOOD)
def test_good_references_get_their_canonical_name(typed: str, name: str) -> None:
    reference = parse(typed)
    assert reference.name == name
    assert str(reference) == typed
    assert parse(name) == reference


@pytest.mark.parametrize(("typed", "why"), BAD)
def test_bad_references_say_which_rule_they_break(typed: str, why: str) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        parse(typed, "runtimeImage")
    text = str(caught.value)
    assert text.startswith("runtimeImage: ")
    assert why in text
    assert "\n" not in text


def test_tag_and_digest_mean_the_digest_and_keep_the_tag() -> None:
    reference = parse(f"ghcr.io/a/b:scaling@{DIGEST}")
    assert (reference.tag, reference.digest, reference.version) == ("scaling", DIGEST, DIGEST)


def test_a_pinned_reference_keeps_its_tag() -> None:
    assert parse("ghcr.io/a/b:scaling").pinned(DIGEST) == f"ghcr.io/a/b:scaling@{DIGEST}"
    assert parse(f"ghcr.io/a/b@{DIGEST}").pinned(DIGEST) == f"ghcr.io/a/b@{DIGEST}"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("sha-1a2b3c4", "ghcr.io/a/b:sha-1a2b3c4"),
        (DIGEST, f"ghcr.io/a/b@{DIGEST}"),
        (f"@{DIGEST}", f"ghcr.io/a/b@{DIGEST}"),
        (f"scaling@{DIGEST}", f"ghcr.io/a/b:scaling@{DIGEST}"),
    ],
)
def test_a_version_is_a_tag_or_a_digest(typed: str, name: str) -> None:
    assert parse_version("ghcr.io/a/b", typed).name == name


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (HEX, f"it looks like a digest; write sha256:{HEX}"),
        (f"sha256-{HEX}", f"it looks like a digest; write sha256:{HEX}"),
        ("sha256:ee9764fe", "its digest has 8 hex digits, not 64"),
        ("sha256:", "its digest has 0 hex digits"),
        (f"sha512:{HEX * 2}", "character ':' is not allowed in a tag"),
        ("", "its tag is empty"),
        ("7/merge", "character '/' is not allowed in a tag"),
        ("scaling ", "character ' ' is not allowed in a tag"),
        ("scaling\n", "character '\\n' is not allowed in a tag"),
        ("ghcr.io/a/b:scaling", "character '/' is not allowed in a tag"),
    ],
)
def test_a_digest_is_never_taken_for_a_tag(typed: str, why: str) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        parse_version("ghcr.io/a/b", typed, "imageTag")
    assert why in str(caught.value)


def test_a_very_long_text_does_not_become_the_message() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        parse("ghcr.io/a:" + "t" * 10_000)
    assert len(str(caught.value)) < 200


def test_a_short_digest_is_what_people_compare() -> None:
    assert short_digest(DIGEST) == "sha256:ee9764fe"


component = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
host = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,3}(:[1-9][0-9]{0,3})?", fullmatch=True)
tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)
digest = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda text: f"sha256:{text}")


@given(host, st.lists(component, min_size=1, max_size=4), st.one_of(st.just(""), tag), st.one_of(st.just(""), digest))
def test_printing_and_parsing_are_inverse(host: str, parts: list[str], tag: str, digest: str) -> None:
    if not tag and not digest:
        tag = "latest"
    reference = ImageReference(host, "/".join(parts), tag, digest)
    assert parse(reference.name) == reference
    assert parse(str(parse(reference.name))) == reference


def outcome(text: str) -> ImageReference | str:
    try:
        return parse(text)
    except InvalidReferenceError as error:
        return str(error)


@given(st.text(max_size=80) | st.text("abAB09:/@.-_[] \n", max_size=40))
def test_any_text_parses_or_is_refused_in_one_line(text: str) -> None:
    found = outcome(text)
    if isinstance(found, str):
        assert len(found.splitlines()) == 1
    else:
        assert parse(found.name) == found
        assert str(found) == text


@given(st.text(max_size=80))
def test_only_whole_digests_are_digests(text: str) -> None:
    assert not is_digest(text)
    assert not is_digest(f"{DIGEST}{text or 'x'}")


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("ghcr.io/x/y", "ghcr.io"),
        ("GHCR.IO/x/y", "ghcr.io"),
        ("ghcr.io:443/x/y", "ghcr.io"),
        ("ghcr.io:5443/x/y", "ghcr.io:5443"),
        ("127.0.0.1:443/x/y", "127.0.0.1"),
        ("x/y", "docker.io"),
        ("registry-1.docker.io/x/y", "docker.io"),
        ("Registry.Hub.Docker.com:443/x/y", "docker.io"),
        ("[::1]:5000/x/y", "[::1]:5000"),
    ],
)
def test_a_registry_has_one_canonical_spelling(text: str, registry: str) -> None:
    reference = parse(f"{text}:tag@{DIGEST}")
    assert reference.canonical == ImageReference(registry, "x/y", "tag", DIGEST)
    assert reference.canonical.canonical == reference.canonical
