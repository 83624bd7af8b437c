"""GitHub's comments and issues in memory, behind real HTTP; every request and answer is held against GitHub's own OpenAPI.

The description is the npm package `@octokit/openapi` (tests/servers/github-openapi), sliced to the paths in use. It lets
unknown fields pass in bodies, so those are checked here. `faults` make one of the next requests fail.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.found import github_description, require

PATHS = (
    "/repos/{owner}/{repo}/issues",
    "/repos/{owner}/{repo}/issues/{issue_number}",
    "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}",
)
NOW = "2030-06-01T12:00:00Z"


@cache
def description() -> Any:
    """GitHub's description of PATHS alone, with what they refer to."""
    from openapi_core import OpenAPI

    file = require("github-openapi", github_description())
    whole = json.loads(file.read_text(encoding="utf-8"))
    kept: dict[str, Any] = {"paths": {path: whole["paths"][path] for path in PATHS}}
    todo: list[Any] = [kept["paths"]]
    components: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                _, _, kind, name = reference.split("/", 3)
                components.setdefault(kind, {})[name] = whole["components"][kind][name]
                todo.append(whole["components"][kind][name])
            todo += node.values()
    sliced = {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "servers": [{"url": "/"}],
        **kept,
        "components": components,
    }
    return OpenAPI.from_dict(sliced)


@dataclass
class GitHubSimulator:
    """One repository. `bot` is who our token is; `wrong` lists every breach of the description."""

    repository: str = "acme/oauth"
    token: str = "gh-canary-0123456789abcdef"
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    url: str = ""
    _next: int = 1

    # ------------------------------------------------------------------------------------------------- the world

    def add_pull_request(self, number: int) -> None:
        self.issues[number] = self._issue(number, "a change", "", labels=[]) | {
            "pull_request": dict.fromkeys(("diff_url", "html_url", "patch_url", "url"), self.url)
        }

    def somebody_comments(self, number: int, body: str, *, bot: bool = False) -> int:
        return int(self._add_comment(number, body, login="eve", bot=bot)["id"])

    def bodies(self, number: int) -> list[str]:
        return [one["body"] for one in self.comments.values() if one["issue_url"].endswith(f"/{number}")]

    @contextmanager
    def serving(self) -> Iterator[GitHubSimulator]:
        description()
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()

    # --------------------------------------------------------------------------------------------------- the API

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        parts = path.removeprefix(f"/repos/{self.repository}/").split("/")
        match method, parts:
            case "GET", ["issues", number, "comments"]:
                found = [c for c in self.comments.values() if c["issue_url"].endswith(f"/{number}")]
                return 200, _page(found, query)
            case "POST", ["issues", number, "comments"] if int(number) in self.issues:
                return 201, self._add_comment(
                    int(number), body["body"], login="github-actions[bot]", bot=True
                )
            case "PATCH", ["issues", "comments", number] if int(number) in self.comments:
                self.comments[int(number)] |= {"body": body["body"]}
                return 200, self.comments[int(number)]
            case "GET", ["issues"]:
                wanted = query.get("labels")
                found = [
                    i
                    for i in self.issues.values()
                    if not wanted or wanted in [n["name"] for n in i["labels"]]
                ]
                state = query.get("state", "open")
                return 200, _page([i for i in found if state in ("all", i["state"])], query)
            case "POST", ["issues"]:
                new = self._number()
                self.issues[new] = self._issue(new, body["title"], body["body"], labels=body["labels"])
                return 201, self.issues[new]
            case "PATCH", ["issues", number] if int(number) in self.issues:
                self.issues[int(number)] |= body
                return 200, self.issues[int(number)]
        return 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}

    def _number(self) -> int:
        while self._next in self.issues or self._next in self.comments:
            self._next += 1
        return self._next

    def _add_comment(self, number: int, body: str, *, login: str, bot: bool) -> dict[str, Any]:
        made = self._number()
        self.comments[made] = {
            "id": made,
            "node_id": f"IC_{made}",
            "url": f"{self.url}/repos/{self.repository}/issues/comments/{made}",
            "html_url": f"https://github.com/{self.repository}/pull/{number}#issuecomment-{made}",
            "issue_url": f"{self.url}/repos/{self.repository}/issues/{number}",
            "body": body,
            "user": self._user(login, bot=bot),
            "created_at": NOW,
            "updated_at": NOW,
            "author_association": "NONE",
        }
        return self.comments[made]

    def _issue(self, number: int, title: str, body: str, *, labels: list[str]) -> dict[str, Any]:
        here = f"{self.url}/repos/{self.repository}"
        urls = dict.fromkeys(("url", "comments_url", "events_url"), f"{here}/issues/{number}")
        return {
            "id": number,
            "node_id": f"I_{number}",
            "number": number,
            "title": title,
            "body": body,
            "state": "open",
            "locked": False,
            "labels": [{"name": name} for name in labels],
            "user": self._user("github-actions[bot]", bot=True),
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "comments": 0,
            "created_at": NOW,
            "updated_at": NOW,
            "closed_at": None,
            "author_association": "NONE",
            "repository_url": here,
            "labels_url": f"{here}/issues/{number}/labels{{/name}}",
            "html_url": f"https://github.com/{self.repository}/issues/{number}",
            **urls,
        }

    def _user(self, login: str, *, bot: bool) -> dict[str, Any]:
        urls = (
            *("url", "html_url", "avatar_url", "followers_url", "following_url", "gists_url", "starred_url"),
            *("subscriptions_url", "organizations_url", "repos_url", "events_url", "received_events_url"),
        )
        return {
            "login": login,
            "id": 1,
            "node_id": "U_1",
            "gravatar_id": "",
            "type": "Bot" if bot else "User",
            "site_admin": False,
            **dict.fromkeys(urls, "https://github.com/x"),
        }

    # -------------------------------------------------------------------------------------------------- the wire

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, document = world._answered(self.command, self.path, dict(self.headers), raw)
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
            setattr(Handler, f"do_{method}", Handler._serve)
        return Handler

    def _answered(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.requests.append(f"{method} {parts.path}")
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}
        if self.faults:
            return self.faults.pop(0), {"message": "No"}
        request = _Request(method, parts.path, query, headers, raw)
        self._check("request", lambda: description().validate_request(request))
        body = json.loads(raw) if raw else {}
        if unknown := set(body) - {"body", "title", "labels", "state", "state_reason"}:
            self.wrong.append(f"{method} {parts.path}: unknown {sorted(unknown)}")
        status, document = self.answer(method, parts.path, query, body)
        answer = _Answer(status, json.dumps(document).encode())
        self._check("answer", lambda: description().validate_response(request, answer))
        return status, document

    def _check(self, what: str, validate: Any) -> None:
        try:
            validate()
        except Exception as error:
            causes = getattr(error.__cause__, "schema_errors", None) or [error.__cause__ or error]
            self.wrong.append(f"{what}: {error}: {list(causes)[:3]}")


def _page(found: list[Any], query: dict[str, str]) -> list[Any]:
    size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
    return found[(page - 1) * size : page * size]


class _Request:
    """As openapi-core wants it."""

    content_type = "application/json"

    def __init__(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], raw: bytes
    ) -> None:
        from openapi_core.datatypes import RequestParameters
        from werkzeug.datastructures import Headers, ImmutableMultiDict

        self.host_url, self.path, self.method, self.body = (
            "http://localhost",
            path,
            method.lower(),
            raw or None,
        )
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(query), header=Headers(headers), cookie={}
        )


class _Answer:
    content_type = "application/json"

    def __init__(self, status: int, data: bytes) -> None:
        from werkzeug.datastructures import Headers

        self.status_code, self.data = status, data
        self.headers = Headers()
