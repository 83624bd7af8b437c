"""Documents -> Desired: what a whole declaration means, and what stays sound beside what is broken."""

from itertools import permutations
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.adapters.manifests import load, load_text
from reconciler.decide.desired import resolve
from tests.decide.declaring import addresses, declare, document, google, loaded_from, said

ACCOUNT = document("Account", "drive", "provider: google")


def test_a_provider_and_its_account_are_joined_by_name():
    desired = declare(google(), ACCOUNT)
    (account,) = desired.accounts.values()
    provider = desired.provider_of(account)
    assert provider is not None
    assert desired.accounts_of(provider.address) == [account]
    assert (desired.problems, desired.broken, desired.unreadable) == ((), frozenset(), False)


def test_the_order_of_documents_and_keys_changes_nothing_but_places():
    def digests(*documents: str) -> object:
        desired = declare(*documents)
        providers = {str(address): provider.digest for address, provider in desired.providers.items()}
        return providers | {str(address): account.digest for address, account in desired.accounts.items()}

    head = "apiVersion: oauth2.reconciler/v1\n"
    turned = (
        f"kind: Account\nspec:\n  provider: google\nmetadata: {{namespace: default, name: drive}}\n{head}"
    )
    documents = (google(), ACCOUNT, document("Account", "mail", "provider: google\nscopes: [b, a]"))
    first = digests(*documents)
    for order in permutations(documents):
        assert digests(*order) == first
    other = document("Account", "mail", "scopes:   [a, b] # sorted\nprovider: google")
    assert digests(google(), turned, other) == first


def test_objects_stand_in_order_of_their_addresses():
    desired = declare(
        document("Account", "b", "provider: google"), google(), document("Account", "a", "provider: google")
    )
    assert [str(a) for a in desired.accounts] == ["account/default/a", "account/default/b"]


def test_one_bad_document_leaves_the_others_sound():
    desired = declare(google(), ACCOUNT, document("Account", "bad", "provider: google\nscope: [x]"))
    assert said(desired) == ["account/default/bad: unknown key 'scope'"]
    assert addresses(desired.broken) == {"account/default/bad"}
    assert addresses(desired.accounts) == {"account/default/drive"}
    assert not desired.unreadable


def test_accounts_of_a_broken_provider_are_broken_without_a_word():
    desired = declare(google(more="bse: x"), ACCOUNT)
    assert said(desired) == ["provider/default/google: unknown key 'bse'"]
    assert addresses(desired.broken) == {"provider/default/google", "account/default/drive"}


def test_providers_of_a_broken_base_are_broken_without_a_word():
    base = document("BaseProvider", "mine", "pkce: always")
    provider = document("Provider", "p", "base: mine\nclient: {id: a, secretRef: {path: clients/p, key: k}}")
    desired = declare(base, provider, document("Account", "a", "provider: p"))
    assert said(desired) == ["base/default/mine: spec.pkce must be one of required, supported, unsupported"]
    assert addresses(desired.broken) == {"base/default/mine", "provider/default/p", "account/default/a"}


def test_a_document_cut_off_by_a_syntax_error_is_broken_and_not_absent():
    desired = declare(google(), ACCOUNT.replace("provider: google", "provider: [google"))
    assert addresses(desired.broken) == {"account/default/drive"}
    assert not desired.unreadable


def test_a_document_that_does_not_tell_its_name_makes_absence_prove_nothing():
    for bad in (
        "kind: Account\nspec: {}\n",
        "just text\n",
        "kind: [\n",
        "kind: Account\nmetadata: {name: [}\n",
    ):
        desired = declare(google(), bad)
        assert desired.unreadable, bad
        assert addresses(desired.providers) == {"provider/default/google"}


def test_a_provider_that_may_stand_in_an_unreadable_document_is_not_complained_of():
    desired = declare("kind: [\n", ACCOUNT)
    assert len(desired.problems) == 1
    assert addresses(desired.broken) == {"account/default/drive"}


def test_a_name_defined_twice_is_used_in_neither_place():
    desired = declare(google(), google(), ACCOUNT)
    assert said(desired) == ["provider/default/google: defined a second time; first at x.yaml:1:1"]
    assert addresses(desired.broken) == {"provider/default/google", "account/default/drive"}
    assert not desired.providers


def test_a_name_defined_soundly_and_badly_is_used_in_neither_place():
    for order in permutations((google(), google(more="nope: x"))):
        desired = declare(*order)
        assert len(desired.problems) == 2
        assert not desired.providers


def test_the_same_name_in_two_namespaces_or_kinds_is_two_objects():
    desired = declare(google(), google(namespace="sales"), document("Account", "google", "provider: google"))
    assert not desired.problems
    assert len(desired.providers) == 2


def test_a_document_is_of_its_folders_namespace(tmp_path: Path):
    def files(namespace: str) -> list[str]:
        folder = tmp_path / "marketing"
        folder.mkdir(exist_ok=True)
        (folder / "a.yaml").write_text(google(namespace=namespace))
        desired = resolve(load(tmp_path), load_catalogue(), root="m")
        return [*addresses(desired.providers), *said(desired), *addresses(desired.broken)]

    assert files("marketing") == ["provider/marketing/google"]
    assert files("sales") == [
        "provider/marketing/google: metadata.namespace must be marketing, as its folder says",
        "provider/marketing/google",
    ]


def test_a_base_of_the_own_namespace_comes_before_the_platforms():
    def base(issuer: str, namespace: str) -> str:
        return document("BaseProvider", "sso", f"issuer: {issuer}", namespace=namespace)

    provider = document(
        "Provider",
        "p",
        "base: sso\nclient: {id: a, secretRef: {path: clients/sales/p, key: k}}",
        namespace="sales",
    )
    shared, own = base("https://shared.example", "default"), base("https://own.example", "sales")
    foreign = base("https://foreign.example", "marketing")

    def issuer(*bases: str) -> str | None:
        (resolved,) = declare(*bases, provider).providers.values()
        return resolved.behaviour.issuer

    assert issuer(shared, foreign) == "https://shared.example"
    assert issuer(shared, own, foreign) == "https://own.example"
    assert said(declare(foreign, provider)) == ["provider/sales/p: there is no base 'sso'"]


def test_a_base_from_git_works_as_a_shipped_one_but_is_not_shipped():
    base = document(
        "BaseProvider", "mine", "endpoints: {authorization: https://x.example/a, token: https://x.example/t}"
    )
    (provider,) = declare(
        base, document("Provider", "p", "base: mine\nclient: {id: a, secretRef: {path: clients/p, key: k}}")
    ).providers.values()
    assert provider.behaviour.endpoints.token == "https://x.example/t"
    assert (provider.base, provider.base_shipped) == ("mine", False)


PIECES = st.sampled_from(
    (
        *(
            "apiVersion: oauth2.reconciler/v1\n",
            "kind: Account\n",
            "kind: Provider\n",
            "kind: BaseProvider\n",
            "---\n",
        ),
        *(
            "metadata: {name: a}\n",
            "metadata: {name: a, namespace: b, labels: {x: y}}\n",
            "metadata:\n",
            "spec:\n",
        ),
        *(
            "spec: {provider: a}\n",
            "  provider: a\n",
            "  base: google\n",
            "  base: microsoft\n",
            "  base: mercadolivre\n",
        ),
        *(
            "  base: custom\n",
            "  parameters: {tenant: x, country: br}\n",
            "  registration: dynamic\n",
            "  scopes: [a, b]\n",
        ),
        *(
            "  client: {id: x, secretRef: {path: clients/a, key: k}}\n",
            "  client: {idRef: {key: k}}\n",
            "  client: {}\n",
        ),
        *(
            "  server: {issuer: 'https://{tenant}.x.example'}\n",
            "  server: {clientAuth: none}\n",
            "  grant: client_credentials\n",
        ),
        *(
            "  server: {endpoints: {token: 'https://x.example/{a}'}}\n",
            "  identity: x\n",
            "  redirectUri: https://x.example\n",
        ),
        *(
            "  parameters: {a: {description: d, pattern: '[a-z]+'}}\n",
            "  endpoints: {token: 'https://{a}.x.example/t'}\n",
        ),
        *(
            "  x: ~\n",
            "  - y\n",
            "  a: &b [\n",
            "  {\n",
            "  refresh: {window: 1h}\n",
            "  expires: 2027-01-31\n",
        ),
    )
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_anything_like_manifests_gives_a_declaration(source: str):
    loaded = load_text(source.encode(), file="x.yaml")
    desired = resolve(loaded, load_catalogue(), root="x.yaml")
    for problem in desired.problems:
        assert problem.message.isprintable()
        assert problem.hint.isprintable()
    assert not (desired.broken & (desired.providers.keys() | desired.accounts.keys()))
    if loaded.documents and not desired.problems:
        assert desired.providers or desired.accounts or "BaseProvider" in source


def test_ten_thousand_accounts_share_what_is_the_same():
    desired = declare(google("a"), google("b"))
    first, second = desired.providers.values()
    assert first.behaviour is second.behaviour


def test_loading_never_depends_on_what_was_loaded_before():
    documents = (google(), ACCOUNT)
    once, again = declare(*documents), resolve(loaded_from(*documents), load_catalogue(), root="x.yaml")
    assert once == again


def _account_with(name: str, *previous: str) -> str:
    text = document("Account", name, "provider: google")
    return text.replace(
        f"name: {name}, namespace: default", f"name: {name}, previousNames: [{', '.join(previous)}]"
    )


def test_a_former_name_is_nobodys_now():
    assert said(declare(google(), _account_with("a", "b"), document("Account", "b", "provider: google"))) == [
        "account/default/a: account/default/b is declared itself"
    ]
    assert said(declare(google(), _account_with("a", "a"))) == [
        "account/default/a: account/default/a is its name now"
    ]
    twice = declare(google(), _account_with("a", "old"), _account_with("b", "old"))
    assert said(twice) == ["account/default/b: account/default/old is claimed by account/default/a too"]


def test_a_former_name_stays_within_kind_and_namespace_and_changes_no_digest():
    with_former, without = declare(google(), _account_with("a", "old")), declare(google(), _account_with("a"))
    (account,) = with_former.accounts.values()
    assert addresses(account.previous) == {"account/default/old"}
    assert account.digest == next(iter(without.accounts.values())).digest
    assert said(declare(google(), _account_with("a", "other/old"))) != []


def test_a_base_has_no_former_name():
    base = document("BaseProvider", "mine", "grants: [authorization_code]")
    base = base.replace("name: mine,", "name: mine, previousNames: [other],")
    assert said(declare(base)) == [
        "base/default/mine: a base has no state in the store, so that nothing moves with its name"
    ]
