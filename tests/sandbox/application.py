"""An application that talks to the sandbox as RFC 6749 says, and nothing cleverer: what the tests see it through."""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import httpx

from reconciler.sandbox import Sandbox, person

CALLBACK = "http://127.0.0.1/callback"
LISTENING_AT = "http://127.0.0.1:49152/callback"


class Application:
    """One client of one sandbox."""

    def __init__(
        self, sandbox: Sandbox, credentials: dict[str, Any], *, auth_method: str = "client_secret_basic"
    ):
        self.sandbox = sandbox
        self.client_id: str = credentials["client_id"]
        self.secret: str | None = credentials["client_secret"]
        self.auth_method = auth_method
        self.http = httpx.Client(base_url=sandbox.url, timeout=20)
        self.verifier = secrets.token_urlsafe(48)

    def authorization_url(self, **changes: str | None) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": LISTENING_AT,
            "scope": "profile files.read",
            "state": "s-1",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        asked |= changes
        return f"{self.sandbox.issuer}/authorize?" + urlencode(
            {k: v for k, v in asked.items() if v is not None}
        )

    def consent(
        self, *, subject: str = "ana@example.com", scopes: Iterable[str] | None = None, **changes: str
    ) -> str:
        """The code that a person's consent brings."""
        back = person.press_allow(self.authorization_url(**changes), subject=subject, scopes=scopes)
        return str(httpx.URL(back).params["code"])

    def post(self, path: str, fields: dict[str, str], *, secret: str | None = None) -> httpx.Response:
        """A form, with the client's credentials where its method puts them."""
        secret = secret if secret is not None else self.secret
        match self.auth_method:
            case "client_secret_basic":
                return self.http.post(path, data=fields, auth=(self.client_id, secret or ""))
            case "client_secret_post":
                return self.http.post(
                    path, data={**fields, "client_id": self.client_id, "client_secret": secret or ""}
                )
            case _:
                return self.http.post(path, data={**fields, "client_id": self.client_id})

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": LISTENING_AT,
                  "code_verifier": self.verifier}  # fmt: skip
        return self.post("/token", fields | changes)

    def tokens(self, **consent: Any) -> dict[str, Any]:
        """The token response of a whole consent."""
        answer = self.exchange(self.consent(**consent))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, refresh_token: str, **more: str) -> httpx.Response:
        return self.post("/token", {"grant_type": "refresh_token", "refresh_token": refresh_token, **more})

    def call_api(self, access_token: str, path: str = "/api/me") -> httpx.Response:
        return self.http.get(path, headers={"Authorization": f"Bearer {access_token}"})


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and OAuth error of an answer."""
    return answer.status_code, answer.json()["error"]
