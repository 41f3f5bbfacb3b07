"""An attribute of a service is declared once, and everything else is made from the declaration."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.railway.attribute import Attribute, attribute, attributes_of, camel, failures
from convos_infra.railway.environment_config import FIELDS, at, live_fields, makes_deployment, same
from convos_infra.railway.patch_plan import merge, plan
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.service_instance_args import INPUTS, ServiceInstanceArgs
from convos_infra.railway.service_configuration import ATTRIBUTES, CONFIGURED, ServiceConfiguration
from ops.config.attributes_page import page
from tests.railway.resource_cases import CASES

AT = ServiceAt("p", "e", "s", "web")
OF_THE_RESOURCE = {
    *("variables", "sealed_variables", "given_by", "unmanaged_variables", "overwrite_changes", "as_found", "kept")
}
"""Fields of a configuration that are no attributes of Railway's: the provider itself acts on them."""
each = pytest.mark.parametrize("item", ATTRIBUTES, ids=lambda item: item.name)


def test_no_field_of_a_configuration_is_without_a_declaration() -> None:
    assert len(ATTRIBUTES) >= 25
    assert {item.name for item in fields(ServiceConfiguration)} - OF_THE_RESOURCE == {
        item.argument for item in ATTRIBUTES
    }
    assert FIELDS is ATTRIBUTES
    assert {item.name for item in ATTRIBUTES} < set(CONFIGURED) < set(INPUTS)


@each
def test_an_attribute_travels_from_python_to_railway_and_back(item: Attribute) -> None:
    properties = ServiceInstanceArgs(at=AT, **{item.argument: item.example}).properties()
    assert properties[item.name] == item.example
    found = plan({}, properties, {})
    assert found.fields == (item.name,)
    live = merge({}, found.patch)
    assert at(live, item.path) == item.example
    assert live_fields(live) == ({item.name: item.example} if item.readable else {})
    assert plan(properties, properties, live).patch == {}
    # Taken out of the program, it is taken out on Railway.
    without = ServiceInstanceArgs(at=AT).properties()
    assert same(item, at(merge(live, plan(properties, without, live).patch), item.path), None)


@each
def test_an_attribute_has_an_example_that_its_own_rule_lets_pass_and_that_is_not_the_default(item: Attribute) -> None:
    assert list(item.problems(item.example)) == []
    assert not same(item, item.example, None)
    assert makes_deployment(item, None, item.example)


@each
def test_an_attribute_refuses_what_it_cannot_be_and_lets_pass_what_is_not_known_yet(item: Attribute) -> None:
    assert [failure.property.partition(".")[0] for failure in failures([item], {item.name: object()})]
    assert failures([item], {item.name: UNKNOWN}) == []


@each
def test_an_attribute_is_documented_and_has_its_rows_in_the_acceptance_matrix(item: Attribute) -> None:
    assert f"| `{item.argument}` | `{'.'.join(item.path)}` |" in page(ATTRIBUTES)
    assert item.about.endswith(".")
    assert item.name in CASES["ServiceInstance"].changes


@each
def test_a_state_that_does_not_have_an_attribute_yet_does_not_differ(item: Attribute) -> None:
    properties = ServiceInstanceArgs(at=AT, image="nginx").properties()
    old = {name: value for name, value in properties.items() if value is not None and name != item.name}
    diff = ServiceInstanceProvider().changed("e/s", old, properties)
    assert diff.changes is (item.name == "image")


@dataclass(frozen=True, kw_only=True)
class Grown(ServiceConfiguration):
    dns_search: str | None = attribute(
        "networking",
        about="A new one.",
        example="x",
        rule=lambda value: "" if value == "x" else "must be x",
        default="",
    )


def test_one_declaration_is_all_that_a_new_attribute_needs() -> None:
    *old, new = attributes_of(Grown)
    assert tuple(old) == ATTRIBUTES
    assert (new.name, new.argument, new.path) == ("dnsSearch", "dns_search", ("networking", "dnsSearch"))
    assert [(one.property, one.reason) for one in failures([new], {"dnsSearch": "y"})] == [("dnsSearch", "must be x")]
    assert "| `dns_search` | `networking.dnsSearch` |" in page([new])


def test_a_declaration_that_says_what_there_is_not_is_an_error() -> None:
    with pytest.raises(TypeError, match="deployes"):
        attribute("deploy", about="A.", example=1, rule=lambda _value: "", deployes=False)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("railpack_version", "; is it railpackVersion?"),
        ("helthcheckPath", "; is it healthcheckPath?"),
        ("numReplicas", ""),
        ("region", ""),
        ("staticOutboundIps", ""),
        ("", ""),
    ],
)
def test_an_unknown_property_is_refused_and_never_a_silent_nothing(name: str, meant: str) -> None:
    given = {**ServiceInstanceArgs(at=AT, image="nginx").properties(), name: "x"}
    _, problems = ServiceInstanceProvider().checked(given, given)
    assert [(one.property, one.reason) for one in problems] == [
        (name, f"a service instance has no such property{meant}")
    ]


def test_an_unknown_argument_is_an_error_in_the_program() -> None:
    words: dict[str, Any] = {"railpackversion": "1"}
    with pytest.raises(TypeError, match="railpackversion"):
        ServiceInstanceArgs(at=AT, **words)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"railpackVersion": "1.2.3", "builder": "NIXPACKS"}, ["railpackVersion: needs builder RAILPACK"]),
        ({"nixpacksVersion": "1.2.3", "builder": "RAILPACK"}, ["nixpacksVersion: needs builder NIXPACKS"]),
        ({"nixpacksConfigPath": "a.toml", "builder": "RAILPACK"}, ["nixpacksConfigPath: needs builder NIXPACKS"]),
        ({"nixpacksConfigPath": "a.toml", "builder": UNKNOWN}, []),
        ({"railpackVersion": "1.2.3", "builder": "RAILPACK"}, []),
        ({"railpackVersion": ""}, []),
        ({"railpackVersion": "", "builder": "NIXPACKS"}, []),
        ({"railpackVersion": "latest"}, ["railpackVersion: must be a release such as 1.2.3, not 'latest'"]),
        ({"railpackVersion": 1.0}, ["railpackVersion: must be a release such as 1.2.3, not 1.0"]),
        ({"railpackVersion": "1.2\n"}, ["railpackVersion: must be a release such as 1.2.3, not '1.2\\n'"]),
        ({"preDeployCommand": ["a", UNKNOWN]}, ["preDeployCommand: Railway takes one command: join them with &&"]),
        ({"preDeployCommand": [UNKNOWN]}, []),
        ({"preDeployCommand": ["a", "b", "c"]}, ["preDeployCommand: Railway takes one command: join them with &&"]),
        ({"multiRegionConfig": {"us-west2": {"numReplicas": UNKNOWN}}}, []),
        ({"branch": "main", "repo": UNKNOWN}, []),
        ({"image": "nginx", "repo": UNKNOWN}, []),
        ({"branch": "main", "image": "nginx"}, ["branch: needs repo"]),
    ],
)
def test_what_attributes_refuse_alone_and_together(inputs: dict[str, Any], expected: list[str]) -> None:
    assert [f"{one.property}: {one.reason}" for one in failures(ATTRIBUTES, inputs)] == expected


@pytest.mark.parametrize(
    ("argument", "name"),
    [("image", "image"), ("ipv6_egress_enabled", "ipv6EgressEnabled"), ("sealed_variables", "sealedVariables")],
)
def test_a_name_in_python_is_railways_with_underscores(argument: str, name: str) -> None:
    assert camel(argument) == name
