"""A callback that its server signed, by the provider's own published example, and every way in which it is not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from reconciler.decide.authorization import (
    AuthorizationRequest,
    Callback,
    CallbackRefused,
    Refusal,
    judge_callback,
)
from reconciler.decide.callback_signature import SignedText, is_signed_by, signed_text
from reconciler.model.behaviour import CallbackRules
from reconciler.model.secret import Secret

SECRET = Secret("hush")
EXAMPLE = {
    "code": "0907a61c0c8d55e99db179b68161bc00",
    "hmac": "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf",
    "shop": "some-shop.myshopify.com",
    "state": "0.6784241404160823",
    "timestamp": "1337178173",
}
"""https://shopify.dev, authorization code grant: the example of its documentation, signed with the secret `hush`."""
REDIRECT = "https://accounts.acme.example/callback"
REQUEST = AuthorizationRequest(
    url="",
    redirect_uri=REDIRECT,
    state=Secret(EXAMPLE["state"]),
    verifier=None,
    nonce=None,
    issuer=None,
    issuer_in_response=False,
    rules=CallbackRules(server="shop", keep=("shop",), signature="hmac"),
    server="some-shop.myshopify.com",
)


def signed(*pairs: tuple[str, str]) -> SignedText:
    found = signed_text([*pairs, ("hmac", "x")], parameter="hmac")
    assert found is not None
    return found


def judged(**change: Any) -> Callback | CallbackRefused:
    query = urlencode({**EXAMPLE, **change}, doseq=True)
    return judge_callback(f"{REDIRECT}?{query}", request=REQUEST)


def test_the_providers_own_example_is_signed():
    found = judged()
    assert isinstance(found, Callback)
    assert found.kept == {"shop": "some-shop.myshopify.com"}
    assert found.signed is not None
    assert is_signed_by(found.signed, [SECRET])
    assert is_signed_by(found.signed, [None, Secret("newer"), SECRET])


@pytest.mark.parametrize(
    "change",
    [{"timestamp": "1337178174"}, {"code": "another"}, {"host": "added"}, {"hmac": "00"}, {"hmac": "é"}],
)
def test_a_callback_that_was_changed_is_not(change: dict[str, str]):
    found = judged(**change)
    assert isinstance(found, Callback)
    assert found.signed is not None
    assert not is_signed_by(found.signed, [SECRET])


def test_nobody_without_a_secret_signs_anything():
    found = judged()
    assert isinstance(found, Callback)
    assert found.signed is not None
    assert not is_signed_by(found.signed, [None, Secret("other")])


@pytest.mark.parametrize("signature", [[], [""], [EXAMPLE["hmac"], EXAMPLE["hmac"]]])
def test_a_callback_without_one_signature_is_refused(signature: list[str]):
    found = judged(hmac=signature)
    assert isinstance(found, CallbackRefused)
    assert found.kind is Refusal.UNSIGNED
    assert found.final


def test_no_two_callbacks_sign_the_same_text():
    texts = [
        signed(("a", "1&b=2")),
        signed(("a", "1"), ("b", "2")),
        signed(("a=1&b", "2")),
        signed(("a", "1%26b=2")),
        signed(("a%3D1", "2")),
        signed(("a=1", "2")),
    ]
    assert len({found.text.reveal() for found in texts}) == len(texts)


def test_the_text_holds_the_code_and_is_shown_nowhere():
    assert "0907a61c" not in repr(judged())
