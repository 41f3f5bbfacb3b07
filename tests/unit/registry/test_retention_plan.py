"""What may be deleted: never what is in use, nor what that needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from convos_infra.registry.reference import ImageReference
from convos_infra.registry.retention import RetentionPlan, Rules, StoredManifest, plan

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=100)
NOTHING = Rules(newest=0, younger_than=timedelta(0))


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def stored(
    number: int, *tags: str, created: datetime | None = OLD, children: tuple[int, ...] = (), subject: int = -1
) -> StoredManifest:
    about = digest(subject) if subject >= 0 else ""
    return StoredManifest(digest(number), tags, created, tuple(digest(child) for child in children), about)


def tag(name: str) -> ImageReference:
    return ImageReference("ghcr.io", "a/b", name)


def by_digest(number: int) -> ImageReference:
    return ImageReference("ghcr.io", "a/b", "", digest(number))


def doomed(found: RetentionPlan) -> set[int]:
    return {int(manifest.digest.removeprefix("sha256:"), 16) for manifest in found.doomed}


def test_an_index_in_use_keeps_its_platforms_and_attestations() -> None:
    inventory = [
        stored(1, "scaling", children=(2, 3)),
        stored(2, created=None),
        stored(3, created=None),
        stored(9, "old"),
    ]
    assert doomed(plan(inventory, [tag("scaling")], NOTHING, NOW)) == {9}


def test_a_child_that_a_living_index_shares_stays() -> None:
    inventory = [stored(1, "old", children=(3,)), stored(2, "scaling", children=(3,)), stored(3, created=None)]
    assert doomed(plan(inventory, [tag("scaling")], NOTHING, NOW)) == {1}


def test_a_child_in_use_by_its_own_digest_keeps_its_index_and_attestations() -> None:
    inventory = [stored(1, "old", children=(2, 3)), stored(2, created=None), stored(3, created=None)]
    assert doomed(plan(inventory, [by_digest(2)], NOTHING, NOW)) == set()


def test_signatures_stay_with_what_they_sign_and_go_with_it() -> None:
    inventory = [
        stored(1, "scaling"),
        stored(2, "old"),
        stored(3, f"sha256-{1:064x}.sig"),
        stored(4, f"sha256-{2:064x}.sig"),
        stored(5, subject=1),
        stored(6, subject=2),
    ]
    assert doomed(plan(inventory, [tag("scaling")], NOTHING, NOW)) == {2, 4, 6}


def test_the_newest_stay_and_signatures_do_not_count_as_images() -> None:
    images = [stored(n, f"v{n}", created=OLD + timedelta(days=n)) for n in range(6)]
    signature = stored(9, f"sha256-{0:064x}.sig", created=NOW - timedelta(days=50))
    rules = Rules(newest=2, younger_than=timedelta(0))
    assert doomed(plan([*images, signature], [tag("v0")], rules, NOW)) == {1, 2, 3}


def test_the_young_stay() -> None:
    inventory = [stored(1, "a", created=NOW - timedelta(days=6)), stored(2, "b", created=NOW - timedelta(days=8))]
    assert doomed(plan(inventory, [], Rules(newest=0, younger_than=timedelta(days=7)), NOW)) == {2}


def test_what_does_not_say_its_age_stays() -> None:
    assert doomed(plan([stored(1, "a", created=None)], [], NOTHING, NOW)) == set()


def test_tag_and_digest_in_one_reference_keep_both() -> None:
    inventory = [stored(1, "scaling"), stored(2), stored(3, "old")]
    both = ImageReference("ghcr.io", "a/b", "scaling", digest(2))
    assert doomed(plan(inventory, [both], NOTHING, NOW)) == {3}


def test_what_is_in_use_and_not_there_is_missing() -> None:
    found = plan([stored(1, "old")], [tag("scaling"), by_digest(7), tag("scaling")], NOTHING, NOW)
    assert found.missing == ("ghcr.io/a/b:scaling", f"ghcr.io/a/b@{digest(7)}")


def test_an_index_goes_before_its_children() -> None:
    inventory = [
        stored(3, created=None),
        stored(1, "a", children=(3, 4)),
        stored(4, created=None),
        stored(2, "b", children=(3,)),
    ]
    order = [manifest.digest for manifest in plan(inventory, [], NOTHING, NOW).doomed]
    assert order.index(digest(3)) > max(order.index(digest(1)), order.index(digest(2)))
    assert order.index(digest(4)) > order.index(digest(1))


def test_indexes_that_are_nested_without_end_go_from_the_top_also_where_they_list_each_other() -> None:
    chain = [stored(number, children=(number + 1,)) for number in range(1, 3000)]
    order = [
        one.digest for one in plan([stored(0, "a"), stored(3000), *reversed(chain)], [tag("a")], NOTHING, NOW).doomed
    ]
    assert order == [digest(number) for number in range(1, 3001)]
    ring = [stored(0, "a"), stored(1, "b", children=(2,)), stored(2, children=(1,))]
    assert doomed(plan(ring, [tag("a")], NOTHING, NOW)) == {1, 2}


def test_the_plan_says_why_each_stays() -> None:
    inventory = [stored(1, "scaling", children=(2,)), stored(2, created=None), stored(9, "old")]
    assert plan(inventory, [tag("scaling")], NOTHING, NOW).lines() == [
        "keep    sha256:00000000 scaling  in use as scaling",
        "keep    sha256:00000000  part of sha256:00000000",
        "delete  sha256:00000000 old  built 2026-08-15",
        "2 kept, 1 to delete, 0 missing",
    ]


numbers = st.integers(0, 11)
manifests = st.builds(
    lambda number, tags, age, children, subject: stored(
        number,
        *(f"t{number}-{each}" for each in range(tags)),
        created=NOW - timedelta(days=age) if age else None,
        children=tuple(child for child in children if child > number),
        subject=subject if subject < number else -1,
    ),
    numbers,
    st.integers(0, 2),
    st.integers(0, 40),
    st.lists(numbers, max_size=4),
    numbers,
)
inventories = st.lists(manifests, unique_by=lambda manifest: manifest.digest, max_size=12)


@settings(max_examples=300)
@given(inventories, st.lists(numbers, max_size=4), st.integers(0, 4), st.integers(0, 30))
def test_nothing_that_stays_needs_anything_that_goes(
    inventory: list[StoredManifest], used: list[int], newest: int, days: int
) -> None:
    rules = Rules(newest, timedelta(days=days))
    found = plan(inventory, [by_digest(number) for number in used], rules, NOW)
    gone = {manifest.digest for manifest in found.doomed}
    assert not gone & {digest(number) for number in used}
    for manifest in inventory:
        assert (manifest.digest in gone) != (manifest.digest in found.kept)
        if manifest.digest not in gone:
            assert not gone & set(manifest.children)
        if manifest.attached_to and manifest.attached_to in found.kept:
            assert manifest.digest not in gone
    order = [manifest.digest for manifest in found.doomed]
    for manifest in found.doomed:
        assert all(order.index(child) > order.index(manifest.digest) for child in manifest.children if child in gone)


@settings(max_examples=100)
@given(inventories, st.lists(numbers, max_size=4))
def test_planning_again_after_the_deletion_finds_nothing(inventory: list[StoredManifest], used: list[int]) -> None:
    rules = Rules(2, timedelta(days=10))
    references = [by_digest(number) for number in used]
    first = plan(inventory, references, rules, NOW)
    rest = [manifest for manifest in inventory if manifest.digest in first.kept]
    assert plan(rest, references, rules, NOW).doomed == ()
