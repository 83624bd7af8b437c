"""Which base is told by recorded endpoints: every shipped one, whatever its parameters, and no other in its place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.decide.export_proof import runs_anywhere, told_parameters
from reconciler.decide.url_parts import fill, text_of
from reconciler.model.behaviour import Behaviour
from reconciler.model.status import ProviderStatus

BASES = {name: base for name, base in load_catalogue().bases.items() if not runs_anywhere(base)}
_TEXTS = ("acme", "eu1", "21.0", "00000000-0000-4000-8000-000000000000", "12345678", "acme.example")
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def _some(behaviour: Behaviour) -> dict[str, str]:
    """A value for each parameter: its first choice, or a text that its pattern takes."""
    given = {}
    for name, parameter in behaviour.parameters.items():
        for value in [*parameter.choices, parameter.default or "", *_TEXTS]:
            try:
                text_of(parameter, value)
            except ValueError:
                continue
            given[name] = value
            break
    return given


def _recorded(behaviour: Behaviour, given: dict[str, str]) -> ProviderStatus:
    texts = {name: text_of(behaviour.parameters[name], value) for name, value in given.items()}
    urls = {
        name: fill(url, texts=texts)
        for name, url in behaviour.endpoints.model_dump().items()
        if url is not None
    }
    issuer = fill(behaviour.issuer, texts=texts) if behaviour.issuer else None
    endpoints = {name: url for name, url in urls.items() if url}
    return ProviderStatus("reconciler/default", "", "static", NOW, issuer=issuer or "", endpoints=endpoints)


@pytest.mark.parametrize("name", sorted(BASES))
def test_a_base_is_told_by_its_own_endpoints_with_the_parameters_that_made_them(name: str):
    behaviour = BASES[name]
    given = _some(behaviour)
    status = _recorded(behaviour, given)
    told = told_parameters(behaviour, status)
    assert told is not None
    # Another word for the same text in the URLs is as good: the digest knows no difference.
    assert {key: text_of(behaviour.parameters[key], value) for key, value in told.items()}.items() <= {
        key: text_of(behaviour.parameters[key], value) for key, value in given.items()
    }.items()


@pytest.mark.parametrize("name", sorted(BASES))
def test_no_base_is_told_by_the_endpoints_of_a_server_that_is_none_of_the_catalogues(name: str):
    other = {"token": "https://sso.acme.example/token", "authorization": "https://sso.acme.example/authorize"}
    status = ProviderStatus("reconciler/default", "", "static", NOW, endpoints=other)
    assert not told_parameters(BASES[name], status)
