"""What uses a token says nothing of it but where it is asked to: not when the API repeats it, refuses, lies or is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.canaries.cage import Cage
from tests.canaries.forms import leaks
from tests.simulators.api_server import Answer, Api, api_server


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as running:
        yield running


@pytest.fixture
def calling(cage: Cage, api: Api) -> Cage:
    """`crm` has a token, and its provider lists the API."""
    path = cage.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(path.read_text().replace("server: {", f"server: {{apiOrigins: ['{api.origin}'], "))
    cage.settle()
    return cage


def test_an_api_that_repeats_the_token_is_heard_on_stdout_alone(calling: Cage, api: Api):
    """Its body is what was asked for; nothing of it, and no header, is told besides."""
    secret = calling.read("reconciler/tokens/sales/crm")["access_token"]
    for status in (200, 302, 400, 401, 403, 429, 500):
        headers = {
            "Location": f"{api.origin}/{secret}?t={secret}", "Retry-After": secret,
            "WWW-Authenticate": f'Bearer error="{secret}"',
        }  # fmt: skip
        api.answers = [Answer(status, f'{{"you sent": "{secret}"}}'.encode(), headers)]
        said = calling.run("request", "sales/crm", "/x", "-v", expect=0 if status == 200 else 4)
        assert leaks(said.err, calling.secrets) == []
        others = {name: value for name, value in calling.secrets.items() if value != secret}
        assert leaks(said.out, others) == []
        calling.said.pop()
        calling.run("request", "sales/crm", "/x", "-o", "answer", "-v", "--log-format", "json")
        (calling.desk.folder / "answer").unlink()
    calling.assert_silent()


@pytest.mark.parametrize(
    "typed",
    [
        ("https://evil.example/{secret}",), ("{secret}",), ("/x?token={secret}#{secret}",),
        ("/x", "-H", "Authorization: Bearer {secret}"),
        ("/x", "-H", "X-A: {secret}\r\nX-B: c"), ("/x", "-q", "{secret}"), ("/x", "-X", "{secret}"),
        ("http://127.0.0.1:1/{secret}",), ("https://user:{secret}@evil.example/",), ("https://{secret}.example/x",),
    ],
)  # fmt: skip
def test_a_command_line_that_is_refused_does_not_repeat_what_it_held(
    calling: Cage, api: Api, typed: tuple[str, ...]
):
    """A host and a method are repeated, since the message is about them: those must not be put into an error log whole."""
    secret = calling.read("reconciler/tokens/sales/crm")["access_token"]
    words = [word.replace("{secret}", secret) for word in typed]
    said = calling.run("request", "sales/crm", *words)
    assert said.code in (3, 64)
    assert said.out == ""
    named = "https://{secret}.example" in typed[0] or (typed[-1] == "{secret}" and "-X" in typed)
    if not named:
        assert leaks(said.err, calling.secrets) == []
    assert api.asked == []


@pytest.mark.parametrize("source", ["userinfo", "introspection"])
def test_a_check_says_nothing_of_what_it_sends_and_hears(cage: Cage, source: str):
    """The provider's answer to the question is full of every secret that it knows."""
    path = cage.desk.folder / "manifests/sales/idp.yaml"
    issuer = cage.parrot.issuer
    ends = f"endpoints: {{userinfo: '{issuer}/userinfo', introspection: '{issuer}/introspect'}}"
    path.write_text(
        path.read_text().replace("server: {", f"server: {{{ends}, identity: {{source: {source}}}, ")
    )
    cage.run("reconcile", expect=0)
    cage.run("refresh", "sales/robot", "--force", expect=0)
    for form in (
        (),
        ("-o", "json"),
        ("--live",),
        ("--live", "-o", "json", "-v"),
        ("--scopes", "read,write", "--min-valid", "9h"),
    ):
        said = cage.run("check", "sales/robot", "sales/crm", *form, "--log-format", "json")
        assert said.code in (4, 5)
    assert any(source.removesuffix("ion") in line for line in cage.parrot.asked)
    cage.assert_silent()
