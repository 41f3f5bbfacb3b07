"""The program and the pool manager read one contract: what the one accepts, the other does not refuse at its start."""

from __future__ import annotations

import pytest
from convos_pool import settings as pool_settings
from convos_pool.errors import SettingsError
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pool_contract.key_values import Choice, Number
from pool_contract.keys import DECLARATIONS, handed_to_agents, keys_of_agents
from stack import agent_keys, settings

BASE = {"poolImage": "ghcr.io/example/pool:dev"}
OF_THE_STACK = {
    "POOL_API_KEY": "k",
    "DATABASE_URL": "postgresql://u:p@h/x",
    "RAILWAY_API_TOKEN": "t",
    "RAILWAY_PROJECT_ID": "p",
    "RAILWAY_ENVIRONMENT_ID": "e",
}
SETTABLE = [declared for declared in DECLARATIONS if declared.set_by == "keys"]
assert SETTABLE


def read(values: dict[str, object], stack: str = "dev") -> settings.Settings:
    return settings.read(stack, {**BASE, **values}, {"RAILWAY_API_TOKEN": "t"})


def variables(found: settings.Settings) -> dict[str, str]:
    """The pool manager's, as an update sets them."""
    own = {name: value for name, value in found.pool_variables().items() if value}
    return {**own, **OF_THE_STACK, **agent_keys.for_pool_manager(found.keys)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("XMTP_ENV", "qa"),
        ("XMTP_ENV", "production"),
        ("TICK_INTERVAL_MS", "fast"),
        ("TICK_INTERVAL_MS", "99"),
        ("TICK_INTERVAL_MS", "-1"),
        ("POOL_STUCK_TIMEOUT_MS", "10"),
        ("POOL_STUCK_TIMEOUT_MS", "1e6"),
    ],
)
def test_a_preview_refuses_a_key_in_the_words_of_the_pool_manager(name: str, value: str) -> None:
    with pytest.raises(settings.ConfigError) as preview:
        read({"keys": {name: value}})
    with pytest.raises(SettingsError) as boot:
        pool_settings.read({**variables(read({})), name: value})
    assert preview.value.lines == [f"keys.{boot.value}"]


def values_of(allowed: object) -> st.SearchStrategy[str]:
    if isinstance(allowed, Choice):
        return st.sampled_from([*allowed.values, "other", ""])
    if isinstance(allowed, Number):
        edges = [allowed.lowest - 1, allowed.lowest, allowed.highest, allowed.highest + 1]
        return st.sampled_from([*map(str, edges), "1e3", "07", "٣"])
    return st.text(alphabet="ab:/[]{}@.+0123456789 \n", max_size=20)


ONE_KEY = st.sampled_from(SETTABLE).flatmap(
    lambda declared: st.tuples(st.just(declared.name), values_of(declared.allowed))
)
# Few at a time: with all of them at once next to nothing is accepted, and the pool manager is never asked.
KEYS = st.lists(ONE_KEY, max_size=2).map(dict)
NUMBERS = st.integers(-1, 2000).map(str)
OTHER = {
    "poolMinIdle": NUMBERS,
    "poolEnvironment": st.sampled_from(["dev", "staging", "production", "qa"]),
    "rolloutCanary": NUMBERS,
    "rolloutBatch": NUMBERS,
    "rolloutMaxUnavailable": NUMBERS,
    "rolloutBake": st.sampled_from(["-1", "0", "86400", "86401"]),
    "rolloutReady": st.sampled_from(["0", "1", "86400", "86401"]),
    "rolloutDeadline": st.sampled_from(["-1", "0", "2592000", "2592001"]),
    "poolAgentUrl": st.sampled_from(["https://{domain}", "http://[{id}", "https://{name}:99999"]),
    "poolRailwayEndpoint": st.sampled_from(["https://r.example/x", "http://r.example/x", "https://[r", ""]),
}
CONFIG = st.lists(
    st.sampled_from(sorted(OTHER)).flatmap(lambda name: st.tuples(st.just(name), OTHER[name])), max_size=2
).map(dict)


@hypothesis_settings(max_examples=150, deadline=None)
@given(config=CONFIG, keys=KEYS)
def test_the_pool_manager_starts_with_whatever_a_preview_accepts(config: dict[str, object], keys: object) -> None:
    try:
        found = read({**config, "keys": keys})
    except settings.ConfigError:
        return
    pool_settings.read(variables(found))


def test_a_preview_accepts_a_value_of_every_key() -> None:
    values = {
        one.name: one.default or (one.allowed.values[0] if isinstance(one.allowed, Choice) else "+15551234567")
        for one in SETTABLE
    }
    pool_settings.read(variables(read({"keys": values})))


def test_the_range_of_a_key_of_the_stack_is_the_one_of_its_variable() -> None:
    assert read({"poolMinIdle": "1000"}).pool.min_idle == 1000
    pool_settings.read(variables(read({"poolMinIdle": "1000"})))
    with pytest.raises(settings.ConfigError, match="from 0 to 1000"):
        read({"poolMinIdle": "1001"})


def test_a_key_that_no_declaration_knows_goes_to_agents_and_canary_alike_and_the_pool_manager_is_told() -> None:
    found = read({"keys": {"ANY_NEW_KEY": "x", "XMTP_ENV": "dev"}})
    assert keys_of_agents(found.keys) == {"ANY_NEW_KEY": "x", "XMTP_ENV": "dev"}
    told = agent_keys.for_pool_manager(found.keys)
    assert told["POOL_AGENT_KEYS"] == "ANY_NEW_KEY"
    # What the pool manager does with it: its agents get what the canary gets, and the defaults of what is not set.
    assert handed_to_agents({**told, **OF_THE_STACK}).items() >= keys_of_agents(found.keys).items()
    assert handed_to_agents({**told, **OF_THE_STACK}).keys() == {
        *("ANY_NEW_KEY", "XMTP_ENV", "OPENCLAW_STATE_DIR", "CHROMIUM_PATH")
    }
    assert "ANY_NEW_KEY" not in settings.PLAIN_KEYS


def test_a_stack_without_such_keys_has_no_variable_for_them() -> None:
    assert "POOL_AGENT_KEYS" not in agent_keys.for_pool_manager({"XMTP_ENV": "dev"})


def test_the_canary_gets_nothing_that_is_the_pool_managers_alone() -> None:
    keys = {declared.name: "1" for declared in SETTABLE}
    handed = keys_of_agents(keys)
    assert "OPENROUTER_MANAGEMENT_KEY" in keys
    assert {name for name in keys if name not in handed} == {one.name for one in SETTABLE if one.given_to == "pool"}


def test_what_is_wrong_with_a_secret_key_never_shows_it() -> None:
    secret = "p4ss-of-nobody"
    values = [f"{secret}\0", f" {secret}", f"{secret}\n"]
    names = [one.name for one in SETTABLE if one.secret]
    assert names
    for name in [*names, "ANY_NEW_KEY"]:
        for value in values:
            with pytest.raises(settings.ConfigError) as caught:
                read({"keys": {name: value}})
            assert secret not in "".join(caught.value.lines)


def test_two_names_that_differ_by_case_are_both_kept_unless_one_is_declared() -> None:
    both = {"HTTP_PROXY": "http://proxy.example", "http_proxy": "http://proxy.example"}
    assert read({"keys": both}).keys == both
    with pytest.raises(settings.ConfigError, match="is also set as XMTP_ENV"):
        read({"keys": {"XMTP_ENV": "dev", "Xmtp_Env": "dev"}})
