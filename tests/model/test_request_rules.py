"""What a base may say of requests: other names and bodies, and no header that means anything to HTTP."""

import pytest
from pydantic import ValidationError

from reconciler.model.behaviour import RequestShape
from reconciler.model.token_rules import AccessTokenRules

MEANING = [
    "Authorization",
    "host",
    "Cookie",
    "Content-Type",
    "transfer-encoding",
    "Proxy-Authorization",
    "TE",
]


@pytest.mark.parametrize("name", MEANING)
def test_a_header_that_means_something_to_http_is_refused(name: str):
    with pytest.raises(ValidationError, match="set by the tool itself"):
        RequestShape.model_validate({"headers": {name: "x"}})
    if name != "Authorization":
        with pytest.raises(ValidationError, match="means nothing to HTTP"):
            AccessTokenRules.model_validate({"header": name})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "x" * 65])
def test_a_header_that_is_none_is_refused(name: str):
    with pytest.raises(ValidationError):
        RequestShape.model_validate({"headers": {name: "x"}})
    with pytest.raises(ValidationError):
        AccessTokenRules.model_validate({"header": name})


@pytest.mark.parametrize("scheme", ["", "Bearer ", "a b", "a\r\n", "1x"])
def test_a_scheme_is_one_word(scheme: str):
    with pytest.raises(ValidationError):
        AccessTokenRules.model_validate({"scheme": scheme})


@pytest.mark.parametrize("field", ["state", "code_challenge", "nonce", "password"])
def test_what_the_protocols_safety_rests_on_is_not_renamed_or_left_out(field: str):
    with pytest.raises(ValidationError, match="no field that can be renamed"):
        RequestShape.model_validate({"names": {field: "x"}})
    with pytest.raises(ValidationError, match="no field that can be left out"):
        RequestShape.model_validate({"omit": [field]})
