"""`reconciler github`: one comment and one issue, whatever happens; each request as GitHub's own description wants it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.town import Town
from tests.simulators.github import GitHubSimulator

PULL = 7


@pytest.fixture
def forge(town: Town) -> Iterator[GitHubSimulator]:
    """The repository with an open pull request, and a workflow run for it."""
    with GitHubSimulator().serving() as simulator:
        simulator.add_pull_request(PULL)
        event = town.desk.folder / "event.json"
        event.write_text(json.dumps({"number": PULL, "action": "opened"}))
        town.desk.environment |= {  # type: ignore[operator]  # a desk of one's own: its variables are a dict
            "GITHUB_REPOSITORY": simulator.repository,
            "GITHUB_TOKEN": simulator.token,
            "GITHUB_API_URL": simulator.url,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "42",
        }
        yield simulator
        assert simulator.wrong == []


def comment(town: Town, *flags: str, expect: int = 0) -> str:
    town.desk.run("plan", "--out", "plan.json")
    said = town.desk.run("github", "comment", "plan.json", *flags, expect=expect)
    return said.out + said.err


def test_the_plan_is_one_comment_that_is_edited_from_then_on(town: Town, forge: GitHubSimulator):
    assert "comment made: https://github.com/acme/oauth/pull/7" in comment(town)
    (body,) = forge.bodies(PULL)
    assert body.startswith("<!-- reconciler:plan manifests -->\n**OAuth plan: 1 to register, 2 to track")
    assert "[the whole plan](https://github.com/acme/oauth/actions/runs/42)" in body
    town.settle("crm")
    assert "comment updated" in comment(town)
    (body,) = forge.bodies(PULL)
    assert "nothing to change" in body


def test_what_says_the_same_is_not_written_again(town: Town, forge: GitHubSimulator):
    town.settle("crm", "mail")
    comment(town)
    forge.requests.clear()
    town.desk.run("github", "comment", "plan.json", expect=0)
    assert [request.split()[0] for request in forge.requests] == ["GET"]


def test_what_a_person_wrote_is_never_touched_marker_and_all(town: Town, forge: GitHubSimulator):
    theirs = forge.somebody_comments(PULL, "<!-- reconciler:plan manifests -->\nmine")
    other = forge.somebody_comments(PULL, "<!-- reconciler:plan elsewhere -->\nanother folder's", bot=True)
    comment(town)
    assert forge.comments[theirs]["body"].endswith("mine")
    assert forge.comments[other]["body"].endswith("another folder's")
    assert len(forge.bodies(PULL)) == 3


def test_ours_is_found_behind_hundreds_of_others(town: Town, forge: GitHubSimulator):
    for number in range(230):
        forge.somebody_comments(PULL, f"chatter {number}")
    comment(town)
    assert "comment updated" in comment(town) or len(forge.bodies(PULL)) == 231
    assert len(forge.bodies(PULL)) == 231


def test_a_plan_of_thousands_stays_below_githubs_limit(town: Town, forge: GitHubSimulator):
    for number in range(1200):
        town.desk.write(f"sales/more-{number}.yaml", _many(number))
    comment(town)
    (body,) = forge.bodies(PULL)
    assert len(body.encode()) < 65536
    assert "cut: too long for a comment" in body


def _many(number: int) -> str:
    return (
        "apiVersion: oauth2.reconciler/v1\nkind: Account\n"
        f"metadata: {{name: more-{number}}}\nspec: {{provider: idp, scopes: [profile]}}\n"
    )


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "the token is not accepted"), (403, "pull-requests: write"), (404, "another one"), (502, "")],
)
def test_a_refusal_says_what_the_job_lacks_and_not_what_github_said(
    town: Town, forge: GitHubSimulator, status: int, hint: str
):
    forge.faults.append(status)
    said = comment(town, expect=1)
    assert f"HTTP {status}" in said
    assert hint in said
    assert forge.token not in said


def test_an_event_without_a_pull_request_is_a_usage_error(town: Town, forge: GitHubSimulator):
    for event in ("{}", "[]", "no json", '{"number": "7"}', '{"pull_request": null}'):
        (town.desk.folder / "event.json").write_text(event)
        assert "names no pull request" in comment(town, expect=64)
    assert "comment made" in comment(town, "--number", "7")


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_what_the_workflow_does_not_give_is_named(town: Town, forge: GitHubSimulator, missing: str):
    town.desk.run("plan", "--out", "plan.json")
    said = town.desk.run("github", "comment", "plan.json", expect=64, **{missing: ""})
    assert f"{missing} is not set" in said.err


@pytest.mark.parametrize("api", ["http://evil.example", "ftp://x", "https://a@b.example", "https://x/?a=b"])
def test_the_token_goes_to_no_address_that_is_not_https(town: Town, forge: GitHubSimulator, api: str):
    town.desk.run("plan", "--out", "plan.json")
    assert (
        "no https address"
        in town.desk.run("github", "comment", "plan.json", expect=64, GITHUB_API_URL=api).err
    )


# ------------------------------------------------------------------------------------------------------- the issue


def issue(town: Town, *flags: str, expect: int = 0) -> str:
    return town.desk.run("github", "issue", *flags, expect=expect).out


def test_the_issue_is_opened_updated_closed_and_reopened_as_people_are_needed(
    town: Town, forge: GitHubSimulator
):
    town.settle()
    assert "issue made" in issue(town, "--accounts-url", "https://accounts.acme.example")
    (number,) = [n for n in forge.issues if n != PULL]
    made = forge.issues[number]
    assert made["title"] == "OAuth accounts: 2 need a person"
    assert "<https://accounts.acme.example>" in made["body"]
    assert "`account/sales/crm`" in made["body"]
    assert "nothing to write" in issue(town, "--accounts-url", "https://accounts.acme.example")
    town.consent("crm")
    assert "issue updated" in issue(town)
    assert forge.issues[number]["title"] == "OAuth accounts: 1 needs a person"
    town.consent("mail")
    assert "issue closed" in issue(town)
    assert (forge.issues[number]["state"], forge.issues[number]["state_reason"]) == ("closed", "completed")
    assert "nothing to write" in issue(town)
    town.desk.write("sales/late.yaml", _many(1))
    town.desk.run("reconcile", expect=0)
    assert "issue updated" in issue(town)
    assert forge.issues[number]["state"] == "open"
    assert len(forge.issues) == 2


def test_where_nobody_is_needed_no_issue_is_opened(town: Town, forge: GitHubSimulator):
    town.settle("crm", "mail")
    assert "nothing to write" in issue(town)
    assert list(forge.issues) == [PULL]


def test_an_owner_mentions_nobody_and_links_nowhere(town: Town, forge: GitHubSimulator):
    town.desk.write(
        "sales/x.yaml",
        _many(1).replace("scopes:", "owner: '@acme/all <img src=x> [l](https://e.example)', scopes:"),
    )
    town.settle("crm", "mail")
    issue(town)
    body = next(i["body"] for n, i in forge.issues.items() if n != PULL)
    outside = "".join(part for n, part in enumerate(body.split("`")) if n % 2 == 0)
    assert "@" not in outside
    assert "https://e.example" not in outside


def test_a_link_that_is_none_is_refused(town: Town, forge: GitHubSimulator):
    assert issue(town, "--accounts-url", "javascript:alert(1)", expect=64) == ""
