"""The hand behind the scenes, over HTTP and from another process."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from reconciler.sandbox import RemoteSandbox, Rotation, Sandbox, SandboxConfig, TokenPolicy, faults, serve
from reconciler.sandbox.__main__ import main
from reconciler.sandbox.control import VERBS, Control
from reconciler.sandbox.remote import ControlRefused
from tests.sandbox.application import Application

Start = Callable[..., Sandbox]


@pytest.fixture
def remote(sandbox: Sandbox) -> Iterator[RemoteSandbox]:
    """The control calls of a running sandbox, over HTTP."""
    with RemoteSandbox(
        url=sandbox.url, issuer=sandbox.issuer, control_token=sandbox.control_token
    ) as controls:
        yield controls


def test_every_verb_is_a_control_call_and_every_call_a_verb() -> None:
    public = {name for name in vars(Control) if not name.startswith("_")}
    assert set(VERBS) == public
    assert public <= set(dir(RemoteSandbox))


def test_the_calls_work_alike_from_afar(remote: RemoteSandbox, sandbox: Sandbox) -> None:
    policy = TokenPolicy(rotation=Rotation.REUSABLE, access_token_seconds=60)
    client = remote.add_client(name="far away", policy=policy)
    grants = remote.add_grants(client["client_id"], count=3, scopes=["profile"], expires_in=5)
    assert [one["subject"] for one in grants] == ["person-1", "person-2", "person-3"]
    assert {one["expires_in"] for one in grants} == {5}
    assert remote.list_clients() == sandbox.list_clients()
    assert remote.list_clients()[0]["policy"]["access_token_seconds"] == 60
    assert len(remote.list_grants(subject="person-2")) == 1
    assert remote.refresh_token_state(grants[0]["refresh_token"])["state"] == "current"
    assert remote.revoke_grant(grants[0]["grant"]) is True
    assert remote.revoke_grant(grants[0]["grant"]) is False
    assert remote.revoke_person("person-2", client_id=client["client_id"]) == 1
    assert remote.revoke_client_grants(client["client_id"]) == 1
    remote.configure_client(client["client_id"], policy=None)
    assert remote.list_clients()[0]["policy"]["rotation"] == "single-use"
    assert remote.rotate_client_secret(client["client_id"], client_secret="chosen") == "chosen"
    remote.add_fault(faults.close_after("token"))
    assert remote.pending_faults() == sandbox.pending_faults() != []
    remote.clear_faults()
    assert remote.advance_clock(3600) - remote.now() < 1
    assert remote.counters()["families_revoked"] == 3
    state = remote.state()
    assert (len(state["clients"]), len(state["grants"]), state["pending_faults"]) == (1, 3, [])
    remote.reset_counters()
    assert remote.counters()["families_revoked"] == 0
    assert remote.delete_client(client["client_id"]) is True


def test_a_wrong_argument_is_refused_with_its_reason(remote: RemoteSandbox) -> None:
    for call in (
        lambda: remote.advance_clock(-1),
        lambda: remote.add_grants("nobody"),
        lambda: remote.revoke_grant("grant-99"),
        lambda: remote.call("add_client", colour="red"),
        lambda: remote.add_fault({"endpoint": "nowhere"}),
        lambda: remote.call("configure_client", client_id="nobody", policy={"rotation": "sideways"}),
        lambda: remote.call("fly"),
    ):
        with pytest.raises(ControlRefused, match=r"40[04]"):
            call()


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_without_the_control_token_nothing_obeys(sandbox: Sandbox, header: dict[str, str]) -> None:
    assert httpx.post(f"{sandbox.url}/_sandbox/state", headers=header).status_code == 401


def test_a_control_call_wants_a_json_object(sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.control_token}"}
    assert httpx.post(f"{sandbox.url}/_sandbox/now", headers=headers).status_code == 200
    assert httpx.post(f"{sandbox.url}/_sandbox/now", headers=headers, json=[1]).status_code == 400
    assert httpx.post(f"{sandbox.url}/_sandbox/now", headers=headers, content=b"{").status_code == 400


def test_control_can_be_switched_off(start: Start) -> None:
    sandbox = start(control=False)
    headers = {"Authorization": f"Bearer {sandbox.control_token}"}
    assert httpx.post(f"{sandbox.url}/_sandbox/now", headers=headers).status_code == 404


def test_no_client_list_shows_a_secret(remote: RemoteSandbox) -> None:
    client = remote.add_client()
    assert client["client_secret"] not in json.dumps(remote.state())


def test_time_passes_at_a_word(app: Application) -> None:
    before = app.sandbox.now()
    assert app.sandbox.advance_clock(86400) >= before + 86400


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])
def test_a_sandbox_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        SandboxConfig(host=host)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", *(["::1"] if has_ipv6() else [])])
def test_a_sandbox_listens_on_either_family(start: Start, host: str) -> None:
    sandbox = start(host=host)
    assert httpx.get(f"{sandbox.issuer}/.well-known/openid-configuration").json()["issuer"] == sandbox.issuer


def test_a_taken_port_is_an_error_at_once(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(SandboxConfig(port=sandbox.port))


def test_another_issuer_can_be_announced(start: Start) -> None:
    sandbox = start(issuer="http://127.0.0.1:9/")
    metadata = httpx.get(f"{sandbox.url}/.well-known/oauth-authorization-server").json()
    assert (metadata["issuer"], metadata["token_endpoint"]) == (
        "http://127.0.0.1:9",
        "http://127.0.0.1:9/token",
    )


def test_threads_end_with_the_sandbox() -> None:
    before = set(threading.enumerate())
    with Sandbox() as sandbox:
        assert httpx.get(sandbox.url).status_code == 200
    assert set(threading.enumerate()) <= before


def test_a_process_says_where_it_is_and_ends_at_a_signal() -> None:
    with RemoteSandbox.spawn(
        "--rotation", "reusable", "--client-id", "app", "--client-secret", "s"
    ) as remote:
        (client,) = remote.list_clients()
        assert (client["client_id"], client["policy"]["rotation"]) == ("app", "reusable")
        assert (
            httpx.get(f"{remote.issuer}/.well-known/oauth-authorization-server").json()["issuer"]
            == remote.issuer
        )
        pid = remote.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_process_ends_when_its_parent_lets_go_of_it() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "reconciler.sandbox", "--lifeline"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["pid"] == child.pid
    child.stdin.close()
    assert child.wait(timeout=20) == 0
    child.stdout.close()


def test_a_process_prints_one_line_and_nothing_more() -> None:
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "reconciler.sandbox"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    line = json.loads(child.stdout.readline())
    assert {
        "url",
        "issuer",
        "token_endpoint",
        "registration_endpoint",
        "control",
        "control_token",
        "pid",
    } <= line.keys()
    httpx.post(line["token_endpoint"], data={"grant_type": "nonsense"})
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=20) == ("", "")
    assert child.returncode == 0


def test_serving_here_ends_at_a_signal_and_gives_the_signals_back() -> None:
    class Ready(io.StringIO):
        def flush(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    out, before = Ready(), signal.getsignal(signal.SIGTERM)
    serve(SandboxConfig(control=False), client={"client_id": "app"}, out=out)
    line = json.loads(out.getvalue())
    assert line["client_id"] == "app"
    assert "control_token" not in line
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("wrong", [["--grace", "5"], ["--host", "0.0.0.0"], ["--rotation", "sideways"]])
def test_wrong_arguments_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_code:
        main(wrong)
    assert exit_code.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_sandbox_that_cannot_start_says_so(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ControlRefused, match=r"did not start \(exit 1\)"):
        RemoteSandbox.spawn("--port", str(sandbox.port))
    assert capfd.readouterr().err.startswith(f"error: cannot listen on 127.0.0.1 port {sandbox.port}: ")
