"""The search itself finds what it is to find: a canary that nobody hears is worse than none."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

import pytest

from tests.canaries.forms import canary, leaks

SECRETS = {"plain": canary("plain"), "odd": canary("odd", plain=False)}


@pytest.mark.parametrize("name", SECRETS)
def test_every_shape_of_a_secret_is_found(name: str):
    secret = SECRETS[name]
    shapes = [
        f"error: {secret} is wrong",
        f"GET /?token={quote(secret, safe='')}",
        urlencode({"client_secret": secret}),
        json.dumps({"token": secret}),
        json.dumps({"nested": json.dumps({"token": secret})})[:2000],
        secret.encode().hex(),
        repr({"token": secret}),
        f"capped {secret[:14]}…",
        f"…{secret[-14:]}",
        f"{secret[:20]}\n    {secret[20:]}",
        *(
            encode(f"{'i' * before}:{secret}:and more".encode()).decode()
            for before in range(4)
            for encode in (base64.b64encode, base64.urlsafe_b64encode)
        ),
        base64.b64encode(f"id:{quote(secret, safe='')}".encode()).decode(),
    ]
    for shape in shapes:
        assert leaks(shape, SECRETS) == [name], shape


def test_what_holds_no_secret_is_let_through():
    assert leaks("account/sales/crm refreshed, good until 15:04 (59 min)", SECRETS) == []
    assert leaks(b"\x00\xff" * 1000, SECRETS) == []
    assert leaks(canary("plain"), SECRETS) == []
