"""Which origin may receive which credential (DESIGN §8, Trust)."""

from dataclasses import replace

import pytest

from reconciler.decide.provider_fields import ENDPOINT_NAMES
from reconciler.decide.trust import (
    BindNow,
    BoundAlready,
    Change,
    NeedsTrust,
    Revoked,
    Unusable,
    judge,
    may_send_refresh_token,
    permit,
    tighten,
)
from reconciler.decide.trust_origins import credentials_of, is_spelled_out, origins_of, shipped_origins
from reconciler.errors import TrustRefused
from reconciler.model.behaviour import Behaviour, Endpoints, Parameter
from reconciler.model.desired import DesiredClient, DesiredProvider, Registration
from reconciler.model.endpoint import Origin, parse_origin, parse_url
from reconciler.model.trust import Binding, TrustMode, TrustSettings, TrustView
from tests.simulators.manifests import make_endpoints, make_provider, secret_ref

SHOP_TOKEN = "https://{shop}.myshop.example/token"
NO_OTHERS = dict.fromkeys(("revocation", "introspection", "userinfo", "jwks"))


def origin(text: str) -> Origin:
    return parse_origin(text, allow_loopback_http=True)


def origins(*texts: str) -> frozenset[Origin]:
    return frozenset(origin(text) for text in texts)


def behaviour(server: str = "https://as.example", **other: object) -> Behaviour:
    return Behaviour.model_validate({"endpoints": make_endpoints(server, **NO_OTHERS), **other})


def shipped(server: str = "https://as.example", **other: object) -> DesiredProvider:
    return replace(make_provider(base="google", base_shipped=True), behaviour=behaviour(server), **other)  # type: ignore[arg-type]  # any field


def from_git(server: str = "https://as.example") -> DesiredProvider:
    return make_provider(base="ours", behaviour=behaviour(server))


def view(mode: TrustMode = TrustMode.CATALOGUE, *bindings: Binding, loopback: bool = False) -> TrustView:
    return TrustView(TrustSettings(mode=mode, loopback=loopback), {one.credential: one for one in bindings})


def bound(*texts: str, credential: str = "clients/team/sandbox", **other: bool) -> Binding:
    return Binding(credential, origins(*texts), version=1, **other)


# ---------------------------------------------------------------------------------------------------- credentials


def test_a_credential_is_named_by_its_secrets_path_whatever_key_or_version_is_meant():
    newest = make_provider(client=DesiredClient(id="a", secret_ref=secret_ref("clients/team/x", "one")))
    pinned = make_provider(client=DesiredClient(id="b", secret_ref=secret_ref("clients/team/x", version=3)))
    assert list(credentials_of(newest)) == list(credentials_of(pinned)) == ["clients/team/x"]


def test_a_public_client_and_one_of_ours_are_named_by_their_provider():
    public = make_provider("team/pub", client=DesiredClient(id="a"))
    dynamic = make_provider("team/dcr", registration=Registration.DYNAMIC)
    assert list(credentials_of(public)) == ["providers/team/pub"]
    assert list(credentials_of(dynamic)) == ["providers/team/dcr"]


def test_an_initial_access_token_is_a_credential_of_its_own_that_goes_to_the_registration_endpoint_alone():
    provider = make_provider(
        registration=Registration.DYNAMIC,
        client=DesiredClient(initial_access_token_ref=secret_ref("clients/team/initial", "token")),
        behaviour=behaviour(
            endpoints=make_endpoints(
                "https://as.example", registration="https://reg.example/register", **NO_OTHERS
            )
        ),
    )
    own, initial = judge(view(TrustMode.TOFU), provider).parts
    assert initial == BindNow("clients/team/initial", origins("https://reg.example"))
    assert own == BindNow("providers/team/sandbox", origins("https://reg.example", "https://as.example"))


# ------------------------------------------------------------------------------------------------------ origins


def test_every_origin_that_a_token_or_a_person_is_sent_to_counts():
    urls = {
        name: f"https://{name.replace('_', '-')}.example/x"
        for name in Endpoints.model_fields
        if name != "registration"
    }
    provider = make_provider(behaviour=behaviour(endpoints=urls, api_origins=["https://api.example"]))
    hosts = {found.host for found in origins_of(provider, {}).values()}
    assert hosts == {f"{name.replace('_', '-')}.example" for name in urls if name != "jwks"} | {"api.example"}


def test_every_endpoint_that_can_be_declared_is_known_by_name():
    assert sorted(ENDPOINT_NAMES) == sorted(Endpoints.model_fields)


def test_the_registration_endpoint_of_a_static_client_is_sent_nothing_and_does_not_count():
    urls = make_endpoints("https://as.example", registration="https://reg.example/r")
    assert "registration" not in origins_of(make_provider(behaviour=behaviour(endpoints=urls)), {})


def test_a_declared_endpoint_wins_over_a_discovered_one():
    provider = make_provider(
        behaviour=behaviour(
            issuer="https://as.example", discovery=True, endpoints={"token": "https://as.example/t"}
        )
    )
    found = {"token": "https://evil.example/t", "revocation": "https://as.example/r"}
    assert {str(o) for o in origins_of(provider, found).values()} == {"https://as.example"}


def test_what_was_discovered_once_counts_for_nothing_where_discovery_is_off():
    provider = make_provider(behaviour=behaviour())
    assert "revocation" not in origins_of(provider, {"revocation": "https://evil.example/r"})


# ---------------------------------------------------------------------------------------------- the catalogue's word


def test_a_shipped_base_spells_its_own_fields_out():
    assert shipped_origins(shipped()) == origins("https://as.example")


def test_a_base_in_git_spells_nothing_out_whatever_its_name():
    assert shipped_origins(replace(from_git(), base="google")) == frozenset()


@pytest.mark.parametrize("field", ["endpoints.token", "endpoints"])
def test_what_a_provider_overrides_is_gits_word(field: str):
    urls = make_endpoints("https://as.example", token="https://evil.example/token", **NO_OTHERS)
    provider = shipped(overridden=frozenset({field}))
    provider = replace(provider, behaviour=behaviour(endpoints=urls))
    assert origin("https://evil.example") not in shipped_origins(provider)


@pytest.mark.parametrize(
    ("template", "url", "spelled"),
    [
        (SHOP_TOKEN, "https://ours.myshop.example/token", True),
        (SHOP_TOKEN, "https://ours.evil.example/token", False),
        (SHOP_TOKEN, "https://a.b.myshop.example/token", False),
        (SHOP_TOKEN, "https://evil.example?.myshop.example/token", False),
        ("https://login-{shop}.as.example:8443/t", "https://login-x.as.example:8443/t", True),
        ("https://login-{shop}.as.example:8443/t", "https://login-x.as.example/t", False),
        ("https://{shop}/token", "https://ours.example/token", False),
        ("https://as.{shop}/token", "https://as.example/token", False),
        ("https://{shop}.example/token", "https://evil.example/token", False),
        ("https://as.example:{shop}/token", "https://as.example:1/token", False),
        ("https://as.example/{shop}/token", "https://as.example/anything/token", True),
        ("https://{country}/token", "https://auth.as.example.br/token", True),
        ("https://{country}/token", "https://evil.example/token", False),
        ("https://{unknown}.as.example/token", "https://x.as.example/token", False),
        ("http://{shop}.as.example/token", "http://x.as.example/token", False),
    ],
)
def test_a_parameter_fills_a_label_or_a_choice_and_never_the_domain(template: str, url: str, spelled: bool):
    parameters = {
        "shop": Parameter.model_validate({"description": "a shop", "pattern": ".+"}),
        "country": Parameter.model_validate({"description": "c", "choices": {"br": "auth.as.example.br"}}),
    }
    assert is_spelled_out(template, url, parameters=parameters) is spelled


def parametrised(*, overridden: frozenset[str] = frozenset(), known: bool = True) -> DesiredProvider:
    fields = {"parameters": {"shop": {"description": "a shop", "pattern": "[a-z]+"}}}
    written = Behaviour.model_validate({**fields, "endpoints": {"token": SHOP_TOKEN}})
    filled = Behaviour.model_validate({**fields, "endpoints": {"token": "https://ours.myshop.example/token"}})
    provider = make_provider(
        base="shop", base_shipped=True, behaviour=filled, parameters={"shop": "ours"}, overridden=overridden
    )
    return replace(provider, written=written if known else None)


def test_a_label_under_the_catalogues_domain_is_spelled_out():
    assert shipped_origins(parametrised()) == origins("https://ours.myshop.example")


def test_a_provider_that_changes_the_parameters_themselves_is_not():
    assert shipped_origins(parametrised(overridden=frozenset({"parameters.shop.choices"}))) == frozenset()


def test_nothing_with_parameters_is_vouched_for_where_it_is_unknown_what_was_written():
    assert shipped_origins(parametrised(known=False)) == frozenset()


# -------------------------------------------------------------------------------------------------------- modes


def test_catalogue_binds_a_shipped_base_at_first_use():
    decision = judge(view(), shipped())
    assert decision.bind == (BindNow("clients/team/sandbox", origins("https://as.example")),)
    assert decision.refused == ()


def test_catalogue_asks_a_person_for_everything_else():
    decision = judge(view(), from_git())
    assert isinstance(decision.parts[0], NeedsTrust)
    assert decision.command == "reconciler trust provider/team/sandbox"
    assert "https://as.example" in decision.message


def test_tofu_binds_any_first_use():
    assert judge(view(TrustMode.TOFU), from_git()).bind != ()


def test_strict_binds_nothing_by_itself():
    assert isinstance(judge(view(TrustMode.STRICT), shipped()).parts[0], NeedsTrust)


@pytest.mark.parametrize("mode", TrustMode)
def test_what_is_bound_may_be_used_in_every_mode(mode: TrustMode):
    assert isinstance(judge(view(mode, bound("https://as.example")), from_git()).parts[0], BoundAlready)


@pytest.mark.parametrize("mode", TrustMode)
def test_another_origin_for_a_bound_credential_is_a_trust_change_in_every_mode(mode: TrustMode):
    decision = judge(view(mode, bound("https://as.example")), shipped("https://evil.example"))
    assert decision.change == (
        Change("clients/team/sandbox", origins("https://as.example"), origins("https://evil.example")),
    )
    assert "TRUST CHANGE" in decision.message


def test_one_new_origin_among_bound_ones_is_a_change_too():
    provider = make_provider(
        behaviour=behaviour(
            endpoints=make_endpoints(
                "https://as.example", **{**NO_OTHERS, "revocation": "https://evil.example/r"}
            )
        )
    )
    decision = judge(view(TrustMode.TOFU, bound("https://as.example")), provider)
    assert decision.change[0].new == origins("https://evil.example")


def test_fewer_origins_than_bound_are_no_change():
    wide = bound("https://as.example", "https://api.example")
    assert judge(view(TrustMode.CATALOGUE, wide), from_git()).refused == ()


def test_a_revoked_binding_lets_nothing_pass_even_in_tofu():
    revoked = Binding("clients/team/sandbox", revoked=True, version=2)
    assert isinstance(judge(view(TrustMode.TOFU, revoked), shipped()).parts[0], Revoked)


def test_a_binding_that_cannot_be_read_is_not_taken_for_none():
    unreadable = TrustView(TrustSettings(TrustMode.TOFU), {}, {"clients/team/sandbox": "malformed"})
    assert isinstance(judge(unreadable, shipped()).parts[0], Unusable)


def test_plain_http_on_loopback_needs_the_switch():
    provider = from_git("http://127.0.0.1:9400")
    off, on = (judge(view(TrustMode.TOFU, loopback=flag), provider) for flag in (False, True))
    assert isinstance(off.parts[0], Unusable)
    assert "trust settings --loopback" in off.command
    assert on.bind != ()


def test_a_decision_before_discovery_says_that_it_is_not_complete():
    provider = make_provider(
        behaviour=Behaviour.model_validate({"issuer": "https://as.example", "discovery": True})
    )
    assert judge(view(), provider).complete is False
    assert judge(view(), provider, discovered={"token": "https://as.example/t"}).complete is True


# -------------------------------------------------------------------------------------------------- successors


def moved(**other: object) -> DesiredProvider:
    provider = shipped("https://new.example", **other)
    return replace(
        provider, behaviour=behaviour("https://new.example", former_origins=["https://old.example"])
    )


def test_a_shipped_base_that_moved_takes_its_binding_along():
    decision = judge(view(TrustMode.CATALOGUE, bound("https://old.example")), moved())
    part = decision.parts[0]
    assert isinstance(part, BoundAlready)
    assert part.binding.origins == origins("https://old.example", "https://new.example")


def test_under_strict_even_a_move_is_said_by_hand():
    assert judge(view(TrustMode.STRICT, bound("https://old.example")), moved()).change != ()


@pytest.mark.parametrize("field", ["former_origins", "endpoints.token"])
def test_a_move_that_git_makes_up_is_none(field: str):
    provider = moved(overridden=frozenset({field, "endpoints.authorization"}))
    assert judge(view(TrustMode.CATALOGUE, bound("https://old.example")), provider).change != ()


def test_a_refresh_token_goes_where_it_came_from_or_to_its_shipped_bases_successor():
    new, old = parse_url("https://new.example/token"), parse_url("https://old.example/token")
    assert may_send_refresh_token("https://old.example", old, provider=from_git())
    assert may_send_refresh_token("https://old.example", new, provider=moved())
    assert not may_send_refresh_token("https://other.example", new, provider=moved())
    assert not may_send_refresh_token("https://old.example", new, provider=from_git("https://new.example"))
    by_git = moved(overridden=frozenset({"former_origins"}))
    assert not may_send_refresh_token("https://old.example", new, provider=by_git)


def test_a_refresh_token_never_goes_to_an_overridden_endpoint_of_a_base_that_moved():
    evil = parse_url("https://evil.example/token")
    assert not may_send_refresh_token("https://old.example", evil, provider=moved())


# ------------------------------------------------------------------------------------------ permits and settings


def test_only_a_bound_origin_gets_a_permit():
    binding = bound("https://as.example")
    assert permit(parse_url("https://as.example/token"), binding).url.text == "https://as.example/token"
    with pytest.raises(TrustRefused):
        permit(parse_url("https://as.example:8443/token"), binding)
    with pytest.raises(TrustRefused):
        permit(parse_url("https://as.example/token"), replace(binding, revoked=True))


def test_the_environment_can_only_tighten():
    stored = TrustSettings(TrustMode.CATALOGUE, allowed_hosts=("a.example", "b.example"), loopback=True)
    assert tighten(stored, mode=TrustMode.TOFU) == stored
    assert tighten(stored, mode=TrustMode.STRICT).mode is TrustMode.STRICT
    assert tighten(stored, allowed_hosts=frozenset({"b.example", "c.example"})).allowed_hosts == (
        "b.example",
    )
    assert tighten(stored, loopback=False).loopback is False
    assert tighten(replace(stored, loopback=False), loopback=True).loopback is False
    assert tighten(stored) == stored
