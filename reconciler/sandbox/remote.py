"""The control calls from another process: a `RemoteSandbox` reads like a `Sandbox`, and speaks HTTP.

`RemoteSandbox.spawn()` starts `python -m reconciler.sandbox` as a child and stops it by its own handle; or give the
addresses of one that runs already. Every verb of `control.Control` is there with the same arguments.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler.sandbox.config import TokenPolicy
from reconciler.sandbox.faults import Fault


class ControlRefused(Exception):
    """A control call was not obeyed; the message holds the verb, the status and the sandbox's own words."""


class RemoteSandbox:
    """A sandbox somewhere on this machine."""

    def __init__(
        self, *, url: str, issuer: str, control_token: str, child: subprocess.Popen[str] | None = None
    ) -> None:
        self.url = url
        self.issuer = issuer
        self.control_token = control_token
        self._child = child
        self._http = httpx.Client(
            base_url=url, timeout=60.0, trust_env=False, headers={"Authorization": f"Bearer {control_token}"}
        )

    @property
    def pid(self) -> int | None:
        """The child's process id; None where the sandbox is not a child of ours."""
        return None if self._child is None else self._child.pid

    @staticmethod
    def spawn(*arguments: str) -> RemoteSandbox:
        """Start a sandbox as a child process; `arguments` as `python -m reconciler.sandbox --help` lists them."""
        child = subprocess.Popen(  # noqa: S603  # our own module, under our own interpreter
            [sys.executable, "-m", "reconciler.sandbox", "--lifeline", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = child.stdout.readline() if child.stdout is not None else ""
        if not line:
            _end(child)
            raise ControlRefused(f"the sandbox did not start (exit {child.returncode})")
        ready = json.loads(line)
        return RemoteSandbox(
            url=ready["url"], issuer=ready["issuer"], control_token=ready["control_token"], child=child
        )

    def stop(self) -> None:
        """Close the client, and end the child if there is one."""
        self._http.close()
        if self._child is not None:
            self._child.terminate()
            _end(self._child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def call(self, verb: str, **arguments: Any) -> Any:
        """Any control verb by its name."""
        answer = self._http.post(f"/_sandbox/{verb}", json=arguments)
        if answer.status_code != 200:
            raise ControlRefused(f"{verb}: {answer.status_code} {answer.text[:500]}")
        return answer.json()["result"]

    def now(self) -> float:
        return float(self.call("now"))

    def advance_clock(self, seconds: float) -> float:
        return float(self.call("advance_clock", seconds=seconds))

    def state(self) -> dict[str, Any]:
        return dict(self.call("state"))

    def counters(self) -> dict[str, Any]:
        return dict(self.call("counters"))

    def reset_counters(self) -> None:
        self.call("reset_counters")

    def add_client(self, **wanted: Any) -> dict[str, Any]:
        return dict(self.call("add_client", **_with_policy(wanted)))

    def configure_keys(self, client_id: str, *, jwks: Mapping[str, Any]) -> None:
        self.call("configure_keys", client_id=client_id, jwks=dict(jwks))

    def configure_client(self, client_id: str, *, policy: TokenPolicy | Mapping[str, Any] | None) -> None:
        self.call("configure_client", client_id=client_id, **_with_policy({"policy": policy}))

    def delete_client(self, client_id: str) -> bool:
        return bool(self.call("delete_client", client_id=client_id))

    def rotate_client_secret(self, client_id: str, *, client_secret: str | None = None) -> str:
        return str(self.call("rotate_client_secret", client_id=client_id, client_secret=client_secret))

    def list_clients(self) -> list[dict[str, Any]]:
        return list(self.call("list_clients"))

    def add_grants(
        self,
        client_id: str,
        *,
        count: int = 1,
        scopes: Sequence[str] = ("profile",),
        subject: str | None = None,
        expires_in: int | None = None,
    ) -> list[dict[str, Any]]:
        wanted = {"count": count, "scopes": list(scopes), "subject": subject, "expires_in": expires_in}
        return list(self.call("add_grants", client_id=client_id, **wanted))

    def list_grants(self, client_id: str | None = None, subject: str | None = None) -> list[dict[str, Any]]:
        return list(self.call("list_grants", client_id=client_id, subject=subject))

    def revoke_grant(self, grant: str) -> bool:
        return bool(self.call("revoke_grant", grant=grant))

    def revoke_person(self, subject: str, *, client_id: str | None = None) -> int:
        return int(self.call("revoke_person", subject=subject, client_id=client_id))

    def revoke_client_grants(self, client_id: str) -> int:
        return int(self.call("revoke_client_grants", client_id=client_id))

    def refresh_token_state(self, refresh_token: str) -> dict[str, Any]:
        return dict(self.call("refresh_token_state", refresh_token=refresh_token))

    def add_fault(self, fault: Fault | Mapping[str, Any]) -> None:
        self.call("add_fault", fault=fault.to_json() if isinstance(fault, Fault) else dict(fault))

    def pending_faults(self) -> list[dict[str, Any]]:
        return list(self.call("pending_faults"))

    def clear_faults(self) -> None:
        self.call("clear_faults")


def _end(child: subprocess.Popen[str]) -> None:
    child.wait(timeout=15)
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()


def _with_policy(arguments: Mapping[str, Any]) -> dict[str, Any]:
    policy = arguments.get("policy")
    return {**arguments, **({"policy": policy.to_json()} if isinstance(policy, TokenPolicy) else {})}
