"""What a rollout asks of Railway, held to the bars of `make bench SUITE=rollout` with a small fleet."""

from __future__ import annotations

import pytest

from tests.benchmarks.rows import missed
from tests.pool.bench_rollout import rows


@pytest.mark.postgres
def test_a_batch_costs_one_patch_a_poll_one_query_and_no_call_is_refused() -> None:
    (row,) = rows(sizes=(12,))
    assert missed([row]) == []
    # The canary, then ten; one of the twelve is claimed.
    assert (row["batches"], row["mutations"], row["deployments"]) == (2, 2, 11)
