"""`reconciler request`: the token goes to trusted API origins and nowhere else; the answer comes back as it is."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.town import HEADER, Town, account
from tests.e2e.desk import Desk
from tests.simulators.api_server import Answer, Api, Asked, api_server


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as running:
        yield running


def lists(town: Town, *origins: str) -> None:
    """The provider's manifest names these API origins, and no others."""
    path = town.desk.folder / "manifests/sales/idp.yaml"
    kept = [line for line in path.read_text().splitlines() if "apiOrigins" not in line]
    path.write_text("\n".join([*kept, f"    apiOrigins: [{', '.join(origins)}]", ""]))


@pytest.fixture
def settled(town: Town, api: Api) -> Town:
    """`crm` has a token, and trust has bound the API that its provider lists."""
    lists(town, api.origin)
    town.settle("crm")
    return town


def token(town: Town, name: str = "crm") -> str:
    text: str = town.read(f"reconciler/tokens/sales/{name}")["access_token"]
    return text


def test_the_body_comes_back_as_it_is_and_nothing_else(settled: Town, api: Api):
    said = settled.desk.run("request", "sales/crm", f"{api.origin}/files", expect=0)
    assert said.out == '{"name": "budget.csv"}'
    assert said.err == ""
    (asked,) = api.asked
    assert (asked.method, asked.target, asked.body) == ("GET", "/files", b"")
    assert asked.token == token(settled)


def test_a_path_alone_is_of_the_first_api_origin(settled: Town, api: Api):
    settled.desk.run("request", "crm", "/v1.0/me/drive", expect=0)
    assert api.asked[0].target == "/v1.0/me/drive"


def test_query_parameters_are_encoded_and_added(settled: Town, api: Api):
    settled.desk.run(
        "request",
        "crm",
        "/files?a=1",
        "-q",
        "q=name = 'é&b'",
        "-q",
        "fields=files(id,name)",
        "-q",
        "empty=",
        expect=0,
    )
    assert api.asked[0].target == (
        "/files?a=1&q=name%20%3D%20%27%C3%A9%26b%27&fields=files%28id%2Cname%29&empty="
    )


@pytest.mark.parametrize(
    ("typed", "method", "kind"),
    [
        (("-d", '{"name": "x"}'), "POST", "application/json"),
        (("-d", "a=b&c=d"), "POST", "application/x-www-form-urlencoded"),
        (("-X", "patch", "-d", "[1]"), "PATCH", "application/json"),
        (("-d", "<x/>", "-H", "Content-Type: text/xml"), "POST", "text/xml"),
    ],
)
def test_a_body_is_sent_as_what_it_is(
    settled: Town, api: Api, typed: tuple[str, ...], method: str, kind: str
):
    settled.desk.run("request", "crm", "/files", *typed, expect=0)
    (asked,) = api.asked
    assert (asked.method, asked.headers["content-type"]) == (method, kind)
    assert asked.body.decode() == typed[typed.index("-d") + 1]


def test_a_body_comes_from_a_file_or_from_stdin(settled: Town, api: Api):
    (settled.desk.folder / "new.json").write_text('{"from": "a file"}')
    settled.desk.run("request", "crm", "/files", "-d", "@new.json", expect=0)
    settled.desk.run("request", "crm", "/files", "-d", "@-", stdin='{"from": "stdin"}', expect=0)
    assert [json.loads(asked.body)["from"] for asked in api.asked] == ["a file", "stdin"]
    said = settled.desk.run("request", "crm", "/files", "-d", "@nowhere", expect=64)
    assert "nowhere cannot be read" in said.err


def test_further_headers_are_sent(settled: Town, api: Api):
    settled.desk.run(
        "request", "crm", "/files", "-H", "Accept: text/csv", "-H", "User-Agent: nightly", expect=0
    )
    headers = api.asked[0].headers
    assert (headers["accept"], headers["user-agent"]) == ("text/csv", "nightly")
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer mine", "authorization:x", "Proxy-Authorization: x", "Host: evil.example", "Content-Length: 0",
        "Transfer-Encoding: chunked", "Connection: close", "no header", ": x", "X-A: b\r\nX-Evil: 1", "X-A: é", "X A: b",
    ],
)  # fmt: skip
def test_a_header_that_is_ours_or_none_is_refused_before_anything_is_sent(
    settled: Town, api: Api, header: str
):
    said = settled.desk.run("request", "crm", "/files", "-H", header, expect=64)
    assert said.out == ""
    assert api.asked == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://evil.example/files", 3), ("http://127.0.0.1:1/files", 3), ("//evil.example/files", 64),
        ("https://user:word@evil.example/", 64), ("http://evil.example/files", 64), ("ftp://evil.example/", 64),
        ("files", 64), ("/../admin", 64), ("/files#part", 64), ("/a b", 64), ("http://localhost:{port}/files", 3),
        ("http://127.0.0.1:{port}@evil.example/files", 64), ("http://0x7f.1:{port}/files", 64),
    ],
)  # fmt: skip
def test_a_typed_in_host_gets_no_token(settled: Town, api: Api, url: str, code: int):
    said = settled.desk.run("request", "crm", url.format(port=api.port), expect=code)
    assert said.out == ""
    assert "hint:" in said.err or code == 64
    assert api.asked == []


def test_an_origin_that_a_pull_request_added_gets_no_token(settled: Town, api: Api):
    with api_server() as evil:
        lists(settled, api.origin, evil.origin)
        for url in (f"{evil.origin}/files", f"{api.origin}/files"):
            said = settled.desk.run("request", "crm", url, expect=3)
            assert "TRUST CHANGE" in said.err
            assert "reconciler trust provider/sales/idp" in said.err
        settled.desk.run("trust", "provider/sales/idp", "--yes", expect=0)
        settled.desk.run("request", "crm", f"{evil.origin}/files", expect=0)
        assert len(evil.asked) == 1
    assert api.asked == []


def test_an_origin_that_is_bound_and_not_an_api_gets_no_token(settled: Town, api: Api):
    """The token endpoint is bound to the same credential."""
    said = settled.desk.run("request", "crm", f"{settled.sandbox.issuer}/token", expect=3)
    assert "is no API origin of provider/sales/idp" in said.err


def test_a_base_that_lists_no_api_sends_tokens_nowhere(town: Town):
    town.settle("crm")
    said = town.desk.run("request", "crm", "/files", expect=3)
    assert "lists no API origin" in said.err


def test_an_account_that_git_moved_to_another_provider_takes_no_token_there(settled: Town, api: Api):
    """The token of the first provider must not reach the APIs of the second, whatever is bound to that."""
    with api_server() as other:
        text = (settled.desk.folder / "manifests/sales/idp.yaml").read_text()
        text = text.replace("name: idp", "name: second").replace(api.origin, other.origin)
        settled.desk.write("sales/second.yaml", text.replace("clients/sales/idp", "clients/sales/second"))
        settled.put_secret("clients/sales/second", settled.client["client_secret"])
        settled.desk.write("sales/crm.yaml", account("crm", provider="second"))
        settled.desk.run("reconcile", expect=None)
        said = settled.desk.run("request", "crm", f"{other.origin}/files", expect=3)
        assert "its token is of provider/sales/idp" in said.err
        assert other.asked == []


def test_the_same_for_an_account_without_a_person(settled: Town, api: Api):
    """Its old token stays published until the new provider gives one, and the record says whose it is."""
    spec = "{provider: idp, grant: client_credentials, scopes: [profile]}"
    robot = f"{HEADER}kind: Account\nmetadata: {{name: robot}}\nspec: {spec}\n"
    settled.desk.write("sales/robot.yaml", robot)
    settled.desk.run("reconcile", expect=0)
    settled.desk.run("request", "robot", "/files", expect=0)
    with api_server() as other:
        text = (settled.desk.folder / "manifests/sales/idp.yaml").read_text()
        text = text.replace("name: idp", "name: second").replace(api.origin, other.origin)
        settled.desk.write("sales/second.yaml", text.replace("clients/sales/idp", "clients/sales/second"))
        settled.put_secret("clients/sales/second", "a wrong secret of the second client")
        settled.desk.write("sales/robot.yaml", robot.replace("provider: idp", "provider: second"))
        settled.desk.run("reconcile", expect=4)
        said = settled.desk.run("request", "robot", f"{other.origin}/files", expect=3)
        assert "its token is of provider/sales/idp" in said.err
        assert other.asked == []
        settled.put_secret("clients/sales/second", settled.client["client_secret"])
        settled.desk.run("refresh", "robot", "--force", expect=None)
        settled.desk.run("request", "robot", f"{other.origin}/files", expect=0)
        assert [asked.token for asked in other.asked] == [token(settled, "robot")]


def test_revoked_trust_sends_nothing(settled: Town, api: Api):
    settled.desk.run("trust", "--revoke", "provider/sales/idp", "--yes", expect=0)
    settled.desk.run("request", "crm", "/files", expect=3)
    assert api.asked == []


def test_a_loopback_api_is_refused_where_the_environment_tightens_trust(settled: Town, api: Api):
    said = settled.desk.run("request", "crm", "/files", RECONCILER_LOOPBACK="0", expect=3)
    assert said.out == ""
    assert api.asked == []


@pytest.mark.parametrize(
    ("status", "hint"), [(403, "its scopes are"), (404, ""), (429, "wait 7 s"), (500, "")]
)
def test_a_refusal_of_the_api_is_exit_4_and_its_body_is_still_shown(
    settled: Town, api: Api, status: int, hint: str
):
    api.answers = [Answer(status, b'{"error": "in its words"}', {"Retry-After": "7"})]
    said = settled.desk.run("request", "crm", "/files", expect=4)
    assert said.out == '{"error": "in its words"}'
    assert f"{api.origin} answered HTTP {status}" in said.err
    assert "in its words" not in said.err
    assert hint in said.err


def test_a_redirect_is_not_followed_and_the_token_stays(settled: Town, api: Api):
    with api_server() as elsewhere:
        api.answers = [Answer(302, b"", {"Location": f"{elsewhere.origin}/signed?secret=abc"})]
        said = settled.desk.run("request", "crm", "/files", expect=4)
        assert f"a redirect to {elsewhere.origin}:" in said.err
        assert "secret" not in said.err
        assert elsewhere.asked == []
    assert len(api.asked) == 1


def test_on_a_401_the_token_is_read_once_more_and_asked_with_only_if_it_is_another(settled: Town, api: Api):
    api.accepts = {"nobody's"}
    said = settled.desk.run("request", "crm", "/files", expect=4)
    assert said.out == '{"error": "invalid_token"}'
    assert "reconciler check sales/crm --live" in said.err
    assert len(api.asked) == 1


def test_on_a_401_another_token_that_stands_there_by_now_is_tried(
    settled: Town, api: Api, monkeypatch: pytest.MonkeyPatch
):
    """Another run refreshed it between our read and the API's look."""
    old, hear = token(settled), api.hear
    desk = Desk(settled.desk.folder, settled.desk.environment)

    def refresh_meanwhile(asked: Asked) -> Answer:
        if not api.asked:
            desk.run("refresh", "crm", "--force", expect=0)
            api.accepts = {token(settled)}
        return hear(asked)

    monkeypatch.setattr(api, "hear", refresh_meanwhile)
    assert desk.run("request", "crm", "/files", expect=0).out == '{"name": "budget.csv"}'
    assert [asked.token for asked in api.asked] == [old, token(settled)]


def test_the_head_is_written_before_the_body_where_it_is_asked_for(settled: Town):
    out = settled.desk.run("request", "crm", "/files", "-i", expect=0).out
    head, _, body = out.partition("\n\n")
    assert head.startswith("HTTP 200 OK\n")
    assert "content-type: application/json" in head
    assert body == '{"name": "budget.csv"}'


def test_bytes_that_are_no_text_come_through_a_pipe_unchanged(settled: Town, api: Api):
    raw = bytes(range(256)) * 4096
    api.answers = [Answer(200, raw, {"Content-Type": "application/octet-stream"})]
    settled.desk.run("request", "crm", "/files", "-o", "holiday.jpg", expect=0)
    assert (settled.desk.folder / "holiday.jpg").read_bytes() == raw
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "request", "crm", "/files"],
        cwd=settled.desk.folder, env=settled.desk.variables(), capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == raw


def test_an_answer_on_a_terminal_moves_no_cursor(settled: Town, api: Api):
    """Through a pipe it comes as it is; on a terminal it must not retitle, erase or type."""
    api.answers = [Answer(200, "ol\u00e9\x1b]0;evil\x07\x1b[2J\r\nnext\u202e\tcell\n".encode(), {})]
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", "request", "crm", "/files"],
            cwd=settled.desk.folder, env=settled.desk.variables(), stdout=theirs, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
        os.close(theirs)
        shown = os.read(ours, 65536)
    finally:
        os.close(ours)
    assert done.returncode == 0, done.stderr
    assert shown.decode().replace("\r\n", "\n") == "ol\u00e9\ufffd]0;evil\ufffd\ufffd[2J\nnext\ufffd\tcell\n"


def test_an_answer_that_is_too_large_or_cut_leaves_no_half_a_file(settled: Town, api: Api):
    api.answers = [Answer(200, b"x" * (1024 * 1024 + 1), {})]
    said = settled.desk.run("request", "crm", "/files", "-o", "big", "--max-mib", "1", expect=4)
    assert "larger than 1024 KiB" in said.err
    assert "--max-mib" in said.err
    api.answers = [Answer(200, b"x" * 1000, {}, announced=2000)]
    said = settled.desk.run("request", "crm", "/files", "-o", "cut", expect=4)
    assert "was cut" in said.err
    names = {path.name for path in settled.desk.folder.iterdir()}
    assert not {name for name in names if "big" in name or "cut" in name}


def test_what_is_no_regular_file_is_written_into_and_never_replaced(settled: Town, tmp_path: Path):
    """A device's name must stay the device's, whoever runs this: a pipe stands for it here."""
    pipe, link, real = tmp_path / "pipe", tmp_path / "link", tmp_path / "real"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        settled.desk.run("request", "crm", "/files", "-o", str(pipe), expect=0)
        assert os.read(reader, 1000) == b'{"name": "budget.csv"}'
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    real.write_text("old")
    link.symlink_to(real)
    settled.desk.run("request", "crm", "/files", "-o", str(link), expect=0)
    assert link.is_symlink()
    assert real.read_bytes() == b'{"name": "budget.csv"}'


def test_a_file_that_cannot_be_written_is_said(settled: Town, tmp_path: Path):
    said = settled.desk.run("request", "crm", "/files", "-o", "nowhere/file", expect=64)
    assert "cannot be written" in said.err


def test_an_api_that_is_not_there_is_said(settled: Town, api: Api):
    gone = api.origin.replace(str(api.port), "9")
    lists(settled, api.origin, gone)
    settled.desk.run("trust", "provider/sales/idp", "--yes", expect=0)
    said = settled.desk.run("request", "crm", f"{gone}/files", expect=4)
    assert "the connection was refused" in said.err


def test_a_token_in_its_last_minutes_is_refreshed_first(settled: Town, api: Api):
    old = token(settled)
    settled.age("crm", seconds=3400)
    settled.desk.run("request", "crm", "/files", expect=0)
    assert api.asked[0].token == token(settled) != old


def test_the_sandboxs_own_resource_server_answers(town: Town):
    lists(town, town.sandbox.issuer)
    town.settle("crm")
    said = town.desk.run("request", "crm", "/api/me", expect=0)
    assert said.json["sub"] == "crm@example.com"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (("nobody", "/x"), 64), (("sales/nobody", "/x"), 4), (("mail", "/x"), 5), (("provider/sales/idp", "/x"), 64),
        (("crm",), 64),
        (("crm", "/x", "-q", "=x"), 64), (("crm", "/x", "-q", "x"), 64), (("crm", "/x", "-X", "TRACE"), 64),
        (("crm", "/x", "-X", "G ET"), 64), (("crm", "/x", "-f", "nowhere"), 64),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_and_nothing_is_sent(
    settled: Town, api: Api, typed: tuple[str, ...], code: int
):
    said = settled.desk.run("request", *typed, expect=code)
    assert said.out == ""
    assert said.err
    assert api.asked == []


def test_an_api_that_wants_the_token_in_a_header_of_its_own_gets_it_there(settled: Town, api: Api):
    """Nuvemshop: `Authentication: bearer …`."""
    path = settled.desk.folder / "manifests/sales/idp.yaml"
    rules = "    accessToken: {header: Authentication, scheme: bearer}"
    path.write_text(path.read_text().rstrip() + f"\n{rules}\n")
    settled.desk.run("request", "sales/crm", "/store", expect=0)
    (asked,) = api.asked
    assert asked.headers["authentication"] == f"bearer {token(settled)}"
    assert "authorization" not in asked.headers
