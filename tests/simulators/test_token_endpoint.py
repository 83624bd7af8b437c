"""The simulator is as strict as it says: other tests lean on that."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.behaviour import ClientAuth, Rotation
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret
from tests.simulators.token_endpoint import Fault, TokenEndpointSimulator, answer, trusted

CLIENT = ClientCredentials("client", Secret("client-secret"), ClientAuth.BASIC)


def refresh(
    server: TokenEndpointSimulator, token: Secret, client: ClientCredentials = CLIENT
) -> dict[str, str]:
    said = server.post(trusted(), form={"grant_type": "refresh_token", "refresh_token": token}, client=client)
    assert isinstance(said, HttpAnswer)
    body = json.loads(said.body.reveal())
    assert isinstance(body, dict)
    return body


def test_a_spent_token_kills_the_family_of_a_single_use_server():
    server = TokenEndpointSimulator()
    first = server.consent()
    second = Secret(refresh(server, first)["refresh_token"])
    assert server.is_current(second)
    assert refresh(server, first)["error"] == "invalid_grant"
    assert not server.is_current(second)


def test_a_reusable_token_is_never_replaced():
    server = TokenEndpointSimulator(rotation=Rotation.REUSABLE)
    token = server.consent()
    assert "refresh_token" not in refresh(server, token)
    assert "access_token" in refresh(server, token)


def test_a_spent_token_works_within_its_grace_and_not_after():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    server = TokenEndpointSimulator(
        now=lambda: now, rotation=Rotation.SINGLE_USE_WITH_GRACE, grace=timedelta(minutes=1)
    )
    first = server.consent()
    second = refresh(server, first)["refresh_token"]
    assert refresh(server, first)["refresh_token"] == second
    now += timedelta(minutes=2)
    assert refresh(server, first)["error"] == "invalid_grant"


def test_a_wrong_secret_is_the_clients_fault_and_spends_nothing():
    server = TokenEndpointSimulator()
    token = server.consent()
    wrong = ClientCredentials("client", Secret("guess"), ClientAuth.BASIC)
    assert refresh(server, token, wrong)["error"] == "invalid_client"
    assert server.is_current(token)


@pytest.mark.parametrize(
    ("fault", "loss", "acted"),
    [
        (Fault.NOT_SENT, Loss.NOT_SENT, False),
        (Fault.LOST_BEFORE, Loss.UNCLEAR, False),
        (Fault.LOST_AFTER, Loss.UNCLEAR, True),
    ],
)
def test_a_fault_hits_one_request_and_acts_as_it_says(fault, loss, acted):
    server = TokenEndpointSimulator()
    token = server.consent()
    server.faults.append(fault)
    said = server.post(trusted(), form={"grant_type": "refresh_token", "refresh_token": token}, client=CLIENT)
    assert isinstance(said, NoAnswer)
    assert said.loss is loss
    assert server.is_current(token) is not acted
    assert server.exchanges() == int(acted)


def test_a_scripted_answer_is_given_as_it_is():
    server = TokenEndpointSimulator()
    token = server.consent()
    server.faults.append(answer(429, {"error": "slow_down"}, {"retry-after": "7"}))
    assert refresh(server, token) == {"error": "slow_down"}
    assert server.is_current(token)
