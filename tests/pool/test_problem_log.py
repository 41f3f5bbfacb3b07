"""What is wrong with agents is in the log once, whether it stays, comes and goes, or befalls all of them."""

from __future__ import annotations

from convos_pool.problem_log import MOST_AT_ONCE, REPEAT_SECONDS, ProblemLog


def test_a_problem_is_logged_once_while_it_stays_or_comes_and_goes() -> None:
    lines: list[str] = []
    now = [0.0]
    log = ProblemLog(lines.append, lambda: now[0])
    for number in range(100):
        now[0] += 30.0
        log.update({"a": "unhealthy: answers nonsense"} if number % 3 else {})
    assert lines == ["a: unhealthy: answers nonsense"]
    log.update({"a": "unhealthy: rejects its key", "b": "unhealthy: answers nonsense"})
    assert lines[1:] == ["a: unhealthy: rejects its key", "b: unhealthy: answers nonsense"]
    now[0] += REPEAT_SECONDS
    log.update({"b": "unhealthy: answers nonsense"})
    assert lines[3:] == ["b: unhealthy: answers nonsense"], "it is a new one by now"


def test_an_outage_of_all_agents_is_a_few_lines() -> None:
    lines: list[str] = []
    log = ProblemLog(lines.append)
    everybody = {f"a{number:03}": "unhealthy: does not answer" for number in range(1000)}
    log.update(everybody)
    log.update(everybody)
    assert len(lines) == MOST_AT_ONCE + 1
    assert lines[-1].startswith("unhealthy: 980 more agents: a020, a021, ")
    assert lines[-1].endswith("a219, …")
    log.update({**everybody, "b": "unhealthy: does not answer"})
    assert lines[-1] == "b: unhealthy: does not answer"
