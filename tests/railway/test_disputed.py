"""What the program does where a belief about Railway is disputed: the same under both behaviours, or a clear error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from convos_pool import operations

from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from emulator.settings import DISPUTED
from railway_api import documents
from railway_api.failure import Failure
from tests.emulator.behaviours import OTHER
from tests.railway.fix_resources import Place, Runs
from tests.railway.resource_cases import CASES
from tests.railway.stack_double import StackDouble, alive
from tests.railway.test_token import project_token


@pytest.mark.disputed("scoped_delete")
def test_a_destroyed_stack_leaves_nothing_whatever_a_deletion_leaves_in_the_project(
    new: Callable[..., StackDouble],
) -> None:
    one = new()
    one.up()
    ids = one.ids()
    one.destroy()
    assert [kind for kind, there in alive(one.emulator, ids).items() if there] == []


@pytest.mark.disputed("scoped_delete")
def test_a_service_is_made_again_under_its_name_whether_or_not_a_deletion_has_left_the_name(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceProvider, {**at.ids, "name": "again"})
    runs.delete(made)
    assert runs.refresh(made) is None
    again = runs.create(ServiceProvider, {**at.ids, "name": "again"})
    assert runs.refresh(again) is not None
    runs.delete(again)


@pytest.mark.disputed("deleted_answer")
def test_a_project_that_somebody_deleted_is_gone_whatever_railway_says_of_it(at: Place) -> None:
    runs = at.runs
    runs.emulator.run("mutation d($id: String!) { projectDelete(id: $id) }", id=at.project.id)
    assert runs.refresh(at.project) is None
    assert runs.refresh(at.environment) is None
    assert runs.refresh(at.service) is None


@pytest.mark.disputed("domain_rename")
def test_a_domain_is_renamed_or_the_update_says_that_it_was_not(at: Place, behaviour: str) -> None:
    runs, inputs = at.runs, CASES["ServiceDomain"].inputs(at)
    wanted = {**inputs, "subdomain": f"a-{at.service.id[:8]}"}
    made = runs.create(ServiceDomainProvider, inputs)
    if behaviour:
        domain = made.outputs["domain"]
        step = rf"rename it in Railway's dashboard, or set subdomain to {domain.partition('.')[0]} to keep its name"
        with pytest.raises(Failure, match=rf"still {domain}; {step}"):
            runs.update(made, wanted)
        # What is changed beside the name is kept, and to keep the name is enough.
        kept = runs.update(made, {**wanted, "subdomain": domain.partition(".")[0], "targetPort": 4000})
        assert (kept.outputs["domain"], kept.outputs["targetPort"]) == (domain, 4000)
        return
    renamed = runs.update(made, wanted)
    assert renamed.outputs["domain"].startswith(wanted["subdomain"])


@pytest.mark.disputed("volume_create_deploys")
def test_a_volume_is_made_whether_or_not_it_deploys(at: Place) -> None:
    runs = at.runs
    runs.create(ServiceInstanceProvider, CASES["ServiceInstance"].inputs(at))
    made = runs.create(CASES["Volume"].provider, CASES["Volume"].inputs(at))
    read = runs.refresh(made)
    assert read is not None
    assert not runs.differs(read, CASES["Volume"].inputs(at))


@pytest.mark.disputed("project_token")
def test_a_project_token_updates_its_environment_or_the_error_names_what_was_refused(at: Place, behaviour: str) -> None:
    inputs = CASES["ServiceInstance"].inputs(at)
    made = at.runs.create(ServiceInstanceProvider, inputs)
    runs = Runs(at.runs.emulator, at.runs.monkeypatch, token=project_token(at), project_token=True)
    assert runs.create(ProjectProvider, at.project.inputs).id == at.project.id
    assert runs.create(EnvironmentProvider, at.environment.inputs).id == at.environment.id
    if behaviour:
        with pytest.raises(Failure, match="web.*Not Authorized"):
            runs.update(made, {**inputs, "startCommand": "run"})
        return
    runs.update(made, {**inputs, "startCommand": "run"})


def test_nothing_of_the_program_or_the_pool_manager_rests_on_what_an_update_of_a_source_does() -> None:
    sent = [value for module in (documents, operations) for value in vars(module).values() if isinstance(value, str)]
    assert any("environmentPatchCommit" in text for text in sent)
    assert [text for text in sent if "serviceInstanceUpdate" in text] == []


def test_every_disputed_setting_has_its_other_behaviour() -> None:
    assert OTHER.keys() == DISPUTED
