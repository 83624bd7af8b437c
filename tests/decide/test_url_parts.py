"""A parameter fills a label or a segment: whatever a person writes, the domain and the shape of the URL stay the base's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.url_parts import (
    check_labels,
    check_parameter,
    check_template,
    fill,
    text_of,
    with_kept,
)
from reconciler.model.behaviour import Parameter
from reconciler.model.endpoint import parse_url

ANYTHING = Parameter(description="anything at all", pattern="(?s).*")
HOSTS = Parameter(description="one of ours", choices={"a": "a.example.com", "b": "b.example.org"})
PARAMETERS = {"any": ANYTHING, "host": HOSTS}

HOSTILE = st.text(max_size=30) | st.text(alphabet="ab.-_~/\\@:?#%[]{}0 \t\n\x00é", max_size=20)


@given(HOSTILE)
def test_no_value_moves_a_url_to_another_domain(value: str):
    template = "https://{any}.shops.example.com/x/{any}/token"
    try:
        texts = {"any": text_of(ANYTHING, value)}
    except ValueError:
        return
    if check_labels(template, parameters=PARAMETERS, texts=texts):
        return
    url = parse_url(fill(template, texts=texts) or "")
    assert url.origin.host.endswith(".shops.example.com")
    assert url.origin.host.count(".") == 3
    assert (url.origin.scheme, url.origin.port) == ("https", 443)
    assert url.text.count("/") == 5
    assert url.text.endswith("/token")


@given(HOSTILE)
def test_no_value_leaves_its_segment(value: str):
    template = "https://login.example.com/{any}/token"
    try:
        texts = {"any": text_of(ANYTHING, value)}
    except ValueError:
        return
    url = parse_url(fill(template, texts=texts) or "")
    assert url.origin.host == "login.example.com"
    assert url.text.count("/") == 4
    assert not any(mark in url.text for mark in "?#%@")


@pytest.mark.parametrize(
    "template",
    [
        "https://{any}.example.com/token",
        "https://shop-{any}.example.com/token",
        "https://login.example.com/{any}/token",
        "https://login.example.com/t-{any}",
        "https://{host}/token",
        "https://login.{host}/token",
        "https://login.example.com/token",
    ],
)
def test_where_a_parameter_may_stand(template: str):
    assert check_template(template, parameters=PARAMETERS) == ""


@pytest.mark.parametrize(
    "template",
    [
        "https://{any}/token",
        "https://{any}.com/token",
        "https://login.{any}.com/token",
        "https://login.{any}/token",
        "https://{any}.{host}/token",
        "https://{any}.{any}.example.com/token",
        "{any}://login.example.com/token",
        "https://login.example.com:{any}/token",
        "https://login.example.com/token?tenant={any}",
        "https://login.example.com/token#{any}",
        "https://{nobody}.example.com/token",
        "https://{}.example.com/token",
        "https://{any}@example.com/token",
        "https://x:{any}@login.example.com/token",
        "https://login.example.com/{any/token",
    ],
)
def test_where_it_may_not(template: str):
    assert check_template(template, parameters=PARAMETERS) != ""


def test_a_label_takes_no_dots_though_a_segment_does():
    texts = {"any": text_of(ANYTHING, "contoso.onmicrosoft.com")}
    assert check_labels("https://login.example.com/{any}/token", parameters=PARAMETERS, texts=texts) == ""
    assert check_labels("https://{any}.example.com/token", parameters=PARAMETERS, texts=texts) != ""


@pytest.mark.parametrize(
    ("parameter", "wrong"),
    [
        ({"choices": {"x": "a/b"}}, True),
        ({"choices": {"x": "evil.example/"}}, True),
        ({"choices": {"x": ".."}}, True),
        ({"choices": {"x": "a.example"}, "default": "y"}, True),
        ({"choices": {"x": "a.example"}, "default": "x"}, False),
        ({"pattern": "[a-z]+", "default": "B"}, True),
        ({"pattern": "[a-z]+", "default": "b"}, False),
    ],
)
def test_a_bases_own_parameters_are_checked(parameter: dict[str, object], wrong: bool):
    assert bool(check_parameter(Parameter.model_validate({"description": "x", **parameter}))) is wrong


@pytest.mark.parametrize("brought", ["..", ".", "../../admin", "a/b?c#d", "%2e%2e"])
def test_what_a_browser_brought_fills_its_own_segment_and_climbs_nowhere(brought: str):
    page = parse_url("https://api.example.com/v1/{company}/info")
    filled = with_kept(page, {"company": brought})
    assert filled.origin == page.origin
    assert len(filled.text.split("/")) == len(page.text.split("/"))
    assert not {".", ".."} & set(filled.text.split("/"))
    assert not set("?#") & set(filled.text)
