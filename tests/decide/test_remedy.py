"""Every reason has words, something to do, and a command that can be pasted."""

import pytest

from reconciler.decide.remedy import REMEDIES, Page, remedy_for
from reconciler.model.behaviour import AccessRemoval, Behaviour, ConsoleRules
from reconciler.model.state import Reason
from tests.simulators.manifests import ACCOUNT, PROVIDER, make_behaviour


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_row(reason):
    remedy = remedy_for(reason, ACCOUNT, provider=PROVIDER)
    assert remedy.what
    assert remedy.do.endswith(".")
    assert remedy.command.startswith("reconciler ")
    assert "{" not in remedy.command + remedy.do


def test_no_row_is_left_over():
    assert set(REMEDIES) == set(Reason)


def test_a_revoked_grant_names_the_page_where_access_is_removed():
    removal = AccessRemoval(url="https://example.com/permissions", steps="Apps > Remove")
    behaviour = make_behaviour(access_removal=removal)
    remedy = remedy_for(Reason.GRANT_REVOKED, ACCOUNT, provider=PROVIDER, behaviour=behaviour)
    assert REMEDIES[Reason.GRANT_REVOKED].page is Page.REMOVAL
    assert remedy.page == "https://example.com/permissions"
    assert remedy.first == "remove the app's access at https://example.com/permissions: Apps > Remove"


def test_a_client_that_is_refused_names_the_console_and_not_how_to_make_a_client():
    behaviour = make_behaviour(
        console=ConsoleRules(url="https://example.com/console", steps="Create a client")
    )
    remedy = remedy_for(Reason.CLIENT_REFUSED, ACCOUNT, provider=PROVIDER, behaviour=behaviour)
    assert (remedy.page, remedy.first) == ("https://example.com/console", "")


def test_an_incident_names_what_ends_everybodys_grants_at_this_provider():
    causes = (
        {"what": "the app's scopes were changed", "ends": "application"},
        {"what": "a password changed"},
    )
    behaviour = Behaviour.model_validate({"refreshToken": {"causes": causes, "reuseRevokes": True}})
    incident = remedy_for(Reason.PROVIDER_INCIDENT, ACCOUNT, behaviour=behaviour)
    assert incident.do.endswith("What ends everybody's grants there: the app's scopes were changed.")
    assert remedy_for(Reason.PROVIDER_INCIDENT, ACCOUNT).do.endswith("the others follow.")
    interrupted = remedy_for(Reason.INTERRUPTED_ROTATION, ACCOUNT, behaviour=behaviour)
    assert interrupted.do.endswith("ends the whole grant where a spent token comes again.")
