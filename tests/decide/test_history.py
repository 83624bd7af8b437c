"""What a provider's record tells of its incidents."""

import pytest

from reconciler.decide.history import EventKind, provider_events
from reconciler.model.state import ErrorClass, Reason
from tests.decide.health_world import HOUR, NOW, circuit, registered


@pytest.mark.parametrize(
    ("judge", "reason", "detail"),
    [
        (ErrorClass.CLIENT, Reason.CLIENT_REFUSED, "ClientRefused (invalid_client), 3 accounts agreed"),
        (
            ErrorClass.TRANSIENT,
            Reason.PROVIDER_UNREACHABLE,
            "ProviderUnreachable (invalid_client), 3 accounts in a row got no clear answer",
        ),
    ],
)
def test_an_incident_says_what_its_accounts_met(judge, reason, detail):
    status = registered(circuit=circuit(judge, reason)).status
    assert status is not None
    (event,) = [event for event in provider_events(status) if event.kind is EventKind.INCIDENT]
    assert (event.at, event.detail) == (NOW - HOUR, detail)
