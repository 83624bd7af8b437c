"""GitHub's REST API, as far as one comment and one issue need it (https://docs.github.com/en/rest/issues).

Rules:
- the token goes to the API's own host alone: https (http on loopback only), no redirect, no proxy of the environment;
- bounded: a deadline for each request, at most ten pages of a list, at most 2 MiB of an answer;
- an answer is judged by its status; a message names method, path and status, never what GitHub said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from reconciler.decide.sticky import Posted
from reconciler.errors import ReconcilerError, UsageError, clean
from reconciler.model.address import is_loopback_host
from reconciler.model.secret import Secret

API = "https://api.github.com"
_VERSION = "2022-11-28"
_PAGES, _A_PAGE = 10, 100
_CAP = 2 * 1024 * 1024
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_HINTS = {
    401: "the token is not accepted: give the job's own, GITHUB_TOKEN: ${{ github.token }}",
    403: "the job needs 'permissions: pull-requests: write' for a comment, 'issues: write' for an issue; "
    "or GitHub asks for patience",
    404: "the repository or the number is another one, or the job's permissions do not let it see them",
    410: "issues are switched off in this repository",
}


class GitHub:
    """One repository's comments and issues. Close it after use."""

    def __init__(self, repository: str, token: Secret, *, api: str = API, seconds: float = 20.0) -> None:
        parts = urlsplit(api)
        plain = parts.scheme == "http" and is_loopback_host(parts.hostname or "")
        if (parts.scheme != "https" and not plain) or parts.query or parts.fragment or parts.username:
            raise UsageError("GITHUB_API_URL is no https address", hint=f"for github.com it is {API}")
        if not _REPOSITORY.fullmatch(repository):
            raise UsageError(f"'{clean(repository)}' is no repository", hint="write <owner>/<name>")
        self._base = f"{api.rstrip('/')}/repos/{repository}"
        self._client = httpx.Client(
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token.reveal()}",
                "User-Agent": "reconciler",
                "X-GitHub-Api-Version": _VERSION,
            },
            timeout=seconds,
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    # -------------------------------------------------------------------------------------------------- comments

    def comments(self, number: int) -> list[Posted]:
        """The comments of an issue or a pull request, oldest first."""
        return [
            Posted(_number(one, "id"), _text(one, "body"), _by_bot(one))
            for one in self._pages(f"/issues/{number}/comments", {})
        ]

    def create_comment(self, number: int, body: str) -> str:
        """Where it can be seen."""
        return _text(self._send("POST", f"/issues/{number}/comments", {"body": body}), "html_url")

    def update_comment(self, comment: int, body: str) -> str:
        return _text(self._send("PATCH", f"/issues/comments/{comment}", {"body": body}), "html_url")

    # ---------------------------------------------------------------------------------------------------- issues

    def issues(self, label: str) -> list[Posted]:
        """Issues with this label, open or closed, oldest first; pull requests are left out."""
        query = {"labels": label, "state": "all", "sort": "created", "direction": "asc"}
        return [
            Posted(
                _number(one, "number"),
                _text(one, "body"),
                _by_bot(one),
                _text(one, "state") == "open",
                _text(one, "title"),
            )
            for one in self._pages("/issues", query)
            if "pull_request" not in one
        ]

    def create_issue(self, *, title: str, body: str, label: str) -> str:
        answer = self._send("POST", "/issues", {"title": title, "body": body, "labels": [label]})
        return _text(answer, "html_url")

    def update_issue(self, number: int, *, title: str, body: str) -> str:
        """Open from now on."""
        answer = self._send("PATCH", f"/issues/{number}", {"title": title, "body": body, "state": "open"})
        return _text(answer, "html_url")

    def close_issue(self, number: int, *, body: str) -> str:
        answer = self._send(
            "PATCH", f"/issues/{number}", {"body": body, "state": "closed", "state_reason": "completed"}
        )
        return _text(answer, "html_url")

    # -------------------------------------------------------------------------------------------------- the wire

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        for page in range(1, _PAGES + 1):
            asked = {**query, "per_page": str(_A_PAGE), "page": str(page)}
            found = self._asked("GET", path, params=asked)
            if not isinstance(found, list):
                raise ReconcilerError(f"GitHub: GET {path}: the answer is no list")
            yield from (one for one in found if isinstance(one, dict))
            if len(found) < _A_PAGE:
                return

    def _send(self, method: str, path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        found = self._asked(method, path, json=body)
        if not isinstance(found, dict):
            raise ReconcilerError(f"GitHub: {method} {path}: the answer is no object")
        return found

    def _asked(self, method: str, path: str, **more: Any) -> object:
        try:
            with self._client.stream(method, self._base + path, **more) as answer:
                raw = b""
                for part in answer.iter_bytes():
                    raw += part
                    if len(raw) > _CAP:
                        raise ReconcilerError(f"GitHub: {method} {path}: the answer is too long")
        except httpx.HTTPError as error:
            raise ReconcilerError(
                f"GitHub: {method} {path}: no answer ({type(error).__name__})",
                hint="try again later, or see to GITHUB_API_URL",
            ) from None
        if not answer.is_success:
            raise ReconcilerError(
                f"GitHub: {method} {path}: HTTP {answer.status_code}", hint=_HINTS.get(answer.status_code)
            )
        try:
            return httpx.Response(200, content=raw).json()
        except ValueError:
            raise ReconcilerError(f"GitHub: {method} {path}: the answer is no JSON") from None


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _number(document: Mapping[str, Any], key: str) -> int:
    value = document.get(key)
    if not isinstance(value, int):
        raise ReconcilerError(f"GitHub: an answer has no {key}")
    return value


def _by_bot(document: Mapping[str, Any]) -> bool:
    user = document.get("user")
    return isinstance(user, dict) and user.get("type") == "Bot"
