"""A secret that a service has already: adopted where Railway shows it, asked for where it does not."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.random_secret import RandomSecretProvider
from tests.emulator.fix_emulator import until
from tests.railway.fix_resources import IMAGE, Place, patch
from tests.railway.resource_cases import instance

STORED = "s3cret-that-lives_on.Railway~1"
IN_THE_STATE = {"__provider": "pickled"}


def inputs(at: Place, **more: Any) -> dict[str, Any]:
    place = {
        "variable": "PASSWORD",
        "configKey": "databasePassword",
        "stack": "prod",
        "urlPart": True,
        "keptElsewhere": True,
    }
    return {**IN_THE_STATE, **at.at, **place, "value": "", **more}


def check(at: Place, news: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
    """Check as Pulumi does: what is in the state has its provider among its inputs."""
    found = at.runs.provider(RandomSecretProvider).check(olds or {}, news)
    assert found.failures == []
    return dict(found.inputs)


def created(at: Place, news: dict[str, Any]) -> str:
    outputs = at.runs.provider(RandomSecretProvider).create(check(at, news)).outs
    return str((outputs or {})["value"])


def store(at: Place, entry: Any) -> None:
    patch(at, {"services": {at.service.id: {"variables": {"PASSWORD": entry}}}})


def test_a_secret_that_is_stored_is_adopted_and_known_in_the_first_preview(at: Place) -> None:
    store(at, {"value": STORED})
    found = check(at, inputs(at))
    assert found["value"] == STORED
    assert found["adopts"] == "web PASSWORD"
    assert created(at, inputs(at)) == STORED
    wanted = {**instance(at), "variables": {"PASSWORD": found["value"]}}
    assert at.runs.checked(ServiceInstanceProvider, wanted)["deploys"].startswith("1 deployment: image")


def test_a_secret_that_is_stored_nowhere_is_made_up_and_unknown_in_the_first_preview(at: Place) -> None:
    found = check(at, inputs(at))
    assert "value" not in found
    assert "adopts" not in found
    first, second = created(at, inputs(at)), created(at, inputs(at))
    assert len(first) == len(second) == 32
    assert first != second


@pytest.mark.parametrize("without", ["projectId", "environmentId", "serviceId"])
def test_a_place_that_is_not_known_yet_is_neither_asked_nor_refused(at: Place, without: str) -> None:
    store(at, {"value": None, "isSealed": True})
    at.runs.emulator.forget_calls()
    assert "value" not in check(at, inputs(at, **{without: UNKNOWN}))
    assert at.runs.emulator.calls() == []


def test_a_sealed_secret_stops_the_first_preview_and_the_error_names_the_key_and_the_stack(at: Place) -> None:
    store(at, {"value": STORED})
    store(at, {"isSealed": True})
    with pytest.raises(Exception, match="sealed") as refused:
        check(at, inputs(at))
    text = str(refused.value)
    assert text.startswith("web: PASSWORD is sealed on Railway")
    assert "pulumi config set --secret databasePassword --stack prod" in text
    assert "remove the variable" not in text, "PostgreSQL keeps the password that it was initialised with"
    assert STORED not in text
    assert at.runs.mutations() == ["environmentPatchCommit", "environmentPatchCommit"]


@pytest.mark.parametrize(("value", "says"), [("${{web.OTHER}}", "is a reference"), ("p@ss/word", "percent-encoding")])
def test_a_secret_that_cannot_be_used_as_it_is_stops_the_first_preview(at: Place, value: str, says: str) -> None:
    store(at, {"value": value})
    with pytest.raises(Exception, match=says) as refused:
        check(at, inputs(at))
    assert "pulumi config set --secret databasePassword --stack prod" in str(refused.value)
    assert value not in str(refused.value)


@pytest.mark.parametrize("olds", [IN_THE_STATE, {**IN_THE_STATE, "variable": "PASSWORD"}], ids=["0.1", "today"])
def test_a_secret_in_the_state_keeps_its_value_and_asks_railway_nothing(at: Place, olds: dict[str, Any]) -> None:
    store(at, {"value": None, "isSealed": True})
    at.runs.emulator.forget_calls()
    news = check(at, inputs(at), olds)
    assert "value" not in news
    provider = at.runs.provider(RandomSecretProvider)
    kept = {"value": "made up long ago"}
    assert not provider.changed("random", kept, news).changes
    assert provider.updated("random", kept, news).outs == kept
    read = provider.current("random", kept)
    assert (read.id, read.outs, read.inputs) == ("random", kept, None)
    assert at.runs.emulator.calls() == []


def test_an_adopted_secret_stays_adopted_after_others_changed_it_on_railway(at: Place) -> None:
    store(at, {"value": STORED})
    adopted = check(at, inputs(at))
    store(at, {"value": "changed-by-others"})
    assert check(at, inputs(at), adopted) == adopted


def test_a_replaced_secret_is_the_stored_one_again(at: Place) -> None:
    """`pulumi up --replace` checks without old inputs; a new password would lock everybody out of the database."""
    store(at, {"value": STORED})
    assert created(at, inputs(at)) == STORED


def test_a_variable_that_was_removed_without_a_deployment_is_adopted_from_what_runs(at: Place) -> None:
    at.runs.create(ServiceInstanceProvider, {**instance(at), "image": IMAGE, "variables": {"PASSWORD": STORED}})
    until(lambda: at.runs.emulator.snapshot(at.environment.id).count('"status": "SUCCESS"'), 10)
    at.runs.emulator.run(
        "mutation v($i: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $i) }",
        i={**at.ids, "serviceId": at.service.id, "variables": {"A": "1"}, "replace": True, "skipDeploys": True},
    )
    assert created(at, inputs(at)) == STORED


def test_a_secret_of_another_environment_is_not_adopted(at: Place) -> None:
    store(at, {"value": STORED})
    assert created(at, inputs(at, serviceId=str(uuid.uuid4()))) != STORED


def test_a_sealed_secret_that_nothing_else_keeps_may_be_removed_and_made_anew(at: Place) -> None:
    store(at, {"value": STORED, "isSealed": True})
    with pytest.raises(Exception, match="remove the variable from the service on Railway"):
        check(at, inputs(at, keptElsewhere=False))
    store(at, None)
    assert created(at, inputs(at, keptElsewhere=False)) != STORED


@pytest.mark.parametrize(
    ("wanted", "is_refused"),
    [({"PASSWORD": UNKNOWN}, True), ({"PASSWORD": STORED}, False), ({"A": "1"}, False)],
    ids=["made by the stack", "given by the config", "not managed"],
)
def test_a_service_is_not_taken_over_while_a_sealed_secret_of_it_is_unknown(
    at: Place, wanted: Any, is_refused: bool
) -> None:
    store(at, {"value": STORED, "isSealed": True})
    command = "pulumi config set poolKeepToken true --stack prod"
    news = {**IN_THE_STATE, **instance(at), "variables": wanted, "givenBy": {"PASSWORD": command}}
    provider = at.runs.provider(ServiceInstanceProvider)
    if not is_refused:
        assert provider.check({}, news).failures == []
        return
    with pytest.raises(Exception, match="PASSWORD: sealed on Railway") as refused:
        provider.check({}, news)
    assert command in str(refused.value)
    assert STORED not in str(refused.value)
    assert provider.check(news, news).failures == [], "one that the state has is no business of a first preview"


def test_a_secret_without_a_place_is_made_up_without_a_call(at: Place) -> None:
    at.runs.emulator.forget_calls()
    assert len(created(at, {**IN_THE_STATE, "value": ""})) == 32
    assert at.runs.emulator.calls() == []


@pytest.mark.parametrize(
    ("prefix", "size", "form"), [("", 16, "[0-9a-f]{32}"), ("", 32.0, "[0-9a-f]{64}"), ("0x", 32, "0x[0-9a-f]{64}")]
)
def test_a_secret_of_a_form_is_made_in_it_and_one_that_is_stored_stays_as_it_is(
    at: Place, prefix: str, size: float, form: str
) -> None:
    wanted = inputs(at, prefix=prefix, hexBytes=size)
    assert re.fullmatch(form, created(at, wanted))
    store(at, {"value": STORED})
    assert created(at, wanted) == STORED, "a wallet that somebody made keeps its key"


def test_a_secret_that_no_config_key_gives_is_removed_from_railway_to_be_made_anew(at: Place) -> None:
    store(at, {"value": STORED})
    store(at, {"isSealed": True})
    with pytest.raises(Exception, match="sealed") as refused:
        check(at, inputs(at, configKey="", keptElsewhere=False))
    assert str(refused.value).endswith(
        "remove the variable from the service on Railway; pulumi up then makes another secret"
    )
    assert "pulumi config" not in str(refused.value)


def test_a_value_that_the_config_gives_is_kept_once_it_gives_none_any_more(at: Place) -> None:
    """A key that is removed from the config leaves its variable sealed on Railway, where nobody can read it."""
    store(at, {"value": STORED})
    store(at, {"isSealed": True})
    at.runs.emulator.forget_calls()
    provider = at.runs.provider(RandomSecretProvider)
    given = check(at, inputs(at, value=STORED))
    assert (given["value"], given.get("adopts")) == (STORED, None)
    outs = dict(provider.create(given).outs or {})
    removed = check(at, inputs(at), {**IN_THE_STATE, **given})
    assert removed["value"] == STORED
    assert not provider.changed("random", outs, removed).changes
    again = check(at, inputs(at), {**IN_THE_STATE, **removed})
    assert again["value"] == STORED, "for good"
    assert at.runs.emulator.calls() == []


def test_another_given_value_is_taken_and_the_one_that_was_made_up_comes_never_back(at: Place) -> None:
    provider = at.runs.provider(RandomSecretProvider)
    made = dict(provider.create(check(at, inputs(at))).outs or {})
    news = check(at, inputs(at, value=STORED), {**IN_THE_STATE, **inputs(at)})
    assert provider.changed("random", made, news).changes
    outs = dict(provider.updated("random", made, news).outs or {})
    assert outs["value"] == STORED
    assert not provider.changed("random", outs, check(at, inputs(at), {**IN_THE_STATE, **news})).changes
    unknown = check(at, inputs(at, value=UNKNOWN), {**IN_THE_STATE, **news})
    assert provider.changed("random", outs, unknown).changes


def test_the_refusal_names_the_command_that_shows_what_the_last_update_was_given(at: Place) -> None:
    store(at, {"value": STORED, "isSealed": True})
    command = "pulumi stack output poolManager --show-secrets --stack prod"
    with pytest.raises(Exception, match="sealed") as refused:
        check(at, inputs(at, shownBy=command, configKey="poolApiKey", keptElsewhere=False))
    told = f"with the value that the service uses now ({command} shows the one that the last update was given); or"
    assert told in str(refused.value)
