"""The stand-in for GitHub notices what GitHub's own description does not allow."""

from contextlib import suppress

import httpx
import pytest

from tests.simulators.github import GitHubSimulator


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/issues/7/comments", {"text": "no body"}),
        ("POST", "/issues/7/comments", {"body": 1}),
        ("PATCH", "/issues/7", {"state": "shut"}),
        ("POST", "/issues", {"title": "t", "body": "b", "labels": ["l"], "unheard_of": True}),
        ("POST", "/issues/7/reactions", {"content": "+1"}),
    ],
)
def test_a_breach_is_noticed(method, path, body):
    with GitHubSimulator().serving() as forge:
        forge.add_pull_request(7)
        headers = {"Authorization": f"Bearer {forge.token}"}
        with suppress(httpx.HTTPError):
            httpx.request(method, f"{forge.url}/repos/{forge.repository}{path}", json=body, headers=headers)
        assert forge.wrong != []


def test_what_is_allowed_passes():
    with GitHubSimulator().serving() as forge:
        forge.add_pull_request(7)
        headers = {"Authorization": f"Bearer {forge.token}"}
        url = f"{forge.url}/repos/{forge.repository}/issues"
        assert httpx.post(f"{url}/7/comments", json={"body": "b"}, headers=headers).status_code == 201
        made = httpx.post(url, json={"title": "t", "body": "b", "labels": ["l"]}, headers=headers)
        assert made.status_code == 201
        found = httpx.get(url, params={"labels": "l", "state": "all"}, headers=headers).json()
        assert found[0]["title"] == "t"
        assert forge.wrong == []
