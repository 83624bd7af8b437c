"""`docs/reference/environment.md`: every variable that is read, checked against the code that reads them."""

import ast
import re
from collections.abc import Iterator

import click

from reconciler.cli.main import VERBS, cli
from tests.docs.pages.markdown import code, page, table
from tests.house.tree import ROOT

STORE = {
    "RECONCILER_STORE": (
        "`vault://<mount>/<prefix>` or `sqlite:///<absolute path>`. Nothing set: SQLite under the XDG data folder; under CI, or "
        "with `VAULT_ADDR` or `BAO_ADDR` set, it must be named"
    ),
    "RECONCILER_KEY": "the key of the embedded store, 32 bytes in base64, instead of the key file beside it",
    "RECONCILER_OWNER": "whose objects these are, in the ownership mark; default `default`",
    "XDG_DATA_HOME": "where the embedded store is put by default (`~/.local/share` where it is not set)",
}
BEHAVIOUR = {
    "RECONCILER_REFRESH_EVERY": "the interval of your schedule, like `30m`; `--due-within` is twice this by default",
    "RECONCILER_HTTP_DEADLINE": "one call to a provider, all of it; default `30s`",
    "RECONCILER_COMMIT_DEADLINE": "how long a new token is held in memory while the store is down; default `15m`, at "
    "least three times the one above",
    "RECONCILER_PROXY": "an `http://` proxy for calls to providers, which resolves names and judges addresses in our place; "
    "the usual proxy variables are not read",
    "RECONCILER_CA_FILE": "certificate authorities (PEM) for calls to providers, in the place of the usual ones",
    "RECONCILER_OIDC_CLIENT_SECRET": "`serve`: the secret of the page's own client, instead of its file",
    "RECONCILER_PROXY_SECRET": "`serve`: what proves the proxy before the page, instead of its file; 16 characters or more",
    "RECONCILER_TRUST": "a tighter mode than the stored one: `catalogue` or `strict`; it never widens",
    "RECONCILER_ALLOWED_HOSTS": "of the stored allowed hosts only these, comma separated; it never widens",
    "RECONCILER_LOOPBACK": "`0` or `false`: loopback is refused although the store admits it; it never widens",
    "RECONCILER_COMMIT": "the Git commit that is written beside what is applied; else `GITHUB_SHA` or `CI_COMMIT_SHA`",
    "GITHUB_SHA": "see `RECONCILER_COMMIT`",
    "CI_COMMIT_SHA": "see `RECONCILER_COMMIT`",
    "RECONCILER_ACTOR": "who is written beside what is changed; else `GITHUB_TRIGGERING_ACTOR`, `GITHUB_ACTOR`, "
    "`GITLAB_USER_LOGIN`, `user@host`",
    "GITHUB_TRIGGERING_ACTOR": "see `RECONCILER_ACTOR`",
    "GITHUB_ACTOR": "see `RECONCILER_ACTOR`",
    "GITLAB_USER_LOGIN": "see `RECONCILER_ACTOR`",
    "RECONCILER_RUN_URL": "the CI run that is written beside what is changed; else GitHub's, else `CI_JOB_URL`",
    "CI_JOB_URL": "see `RECONCILER_RUN_URL`",
    "GITHUB_SERVER_URL": "with the next two: the URL of a GitHub run",
    "GITHUB_REPOSITORY": "see `GITHUB_SERVER_URL`",
    "GITHUB_RUN_ID": "see `GITHUB_SERVER_URL`",
}
GITHUB = {
    "GITHUB_REPOSITORY": "`<owner>/<name>`; set by GitHub in every job, as all but the token",
    "GITHUB_TOKEN": "the job's token, with `pull-requests: write` for the comment or `issues: write` for the issue",
    "GITHUB_API_URL": "where the API is; default that of github.com",
    "GITHUB_EVENT_PATH": "the event; its pull request is commented on",
    "GITHUB_SERVER_URL": "with the two others of the run: a link to it, where the whole plan is kept",
    "GITHUB_RUN_ID": "see above",
}
NOTIFY = {
    "RECONCILER_NOTIFY_WEBHOOK": "a webhook's URL, or `store:<path>#<key>`, where the store keeps it",
    "RECONCILER_NOTIFY_WEBHOOK_SECRET": "its signing secret, `whsec_…`, or where the store keeps it; two while it is changed",
    "RECONCILER_NOTIFY_SLACK": "the URL of a Slack-compatible incoming webhook, or where the store keeps it",
    "RECONCILER_NOTIFY_SMTP": "a mail server: `smtp://user@host:587` (STARTTLS) or `smtps://user@host:465`",
    "RECONCILER_NOTIFY_SMTP_PASSWORD": "its password, or where the store keeps it",
    "RECONCILER_NOTIFY_FROM": "the address that mails come from",
    "RECONCILER_NOTIFY_TO": "operators, who are told everything, comma separated",
    "RECONCILER_NOTIFY_OWNERS": "domains, comma separated: owners there are told what is theirs",
}
VAULT = {
    "VAULT_ADDR": "the server, `BAO_ADDR` where it is not set; both with different servers are an error",
    "VAULT_NAMESPACE": "Vault Enterprise or OpenBao namespace",
    "VAULT_CACERT": "file with the certificate authority's certificates",
    "VAULT_CAPATH": "folder of such files",
    "VAULT_CLIENT_CERT": "client certificate",
    "VAULT_CLIENT_KEY": "its key",
    "VAULT_TLS_SERVER_NAME": "the name that the server's certificate must bear",
    "VAULT_SKIP_VERIFY": "`1` or `true`: the certificate is not checked; for experiments",
    "VAULT_CLIENT_TIMEOUT": "one call with its retries, in seconds or like `30s`; default 30 s",
    "RECONCILER_VAULT_ADDRESSES": "further addresses of the same cluster that a standby may redirect to, comma separated",
    "RECONCILER_VAULT_LOGIN": "`token`, `approle`, `jwt`, `kubernetes` or `token-file`: this way and no other",
    "VAULT_TOKEN": "a token",
    "VAULT_ROLE_ID": "AppRole: the role id",
    "VAULT_SECRET_ID": "AppRole: the secret id",
    "VAULT_SECRET_ID_FILE": "AppRole: a file that holds it, read at each login",
    "VAULT_AUTH_ROLE": "JWT and Kubernetes: the role",
    "VAULT_AUTH_MOUNT": "where the login method is mounted; default `approle`, `jwt` or `kubernetes`",
    "VAULT_JWT": "JWT: the token itself",
    "VAULT_JWT_FILE": "JWT: a file that holds it, read at each login",
    "VAULT_JWT_AUDIENCE": "JWT on GitHub: the audience that the ID token is asked for",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "set by GitHub for a job with `id-token: write`; the ID token is asked for at each login",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "see above",
    "VAULT_K8S_TOKEN_FILE": "Kubernetes: the service account's token, where it is not in its usual file",
}
TERMINAL = {
    "CI": "a run without a person: nothing is asked, no listener is started, and the store must be named",
    "NO_COLOR": "no colours",
    "FORCE_COLOR": "colours even where stdout is no terminal",
    "TERM": "`dumb`: no colours, no progress bar",
}
GROUPS = {
    "Store": STORE,
    "Behaviour": BEHAVIOUR,
    "Notifications": NOTIFY,
    "Vault and OpenBao": VAULT,
    "GitHub": GITHUB,
    "Terminal": TERMINAL,
}
_NAME = re.compile(r"(?:RECONCILER|VAULT|BAO|ACTIONS|XDG|CI|GITHUB|GITLAB)_[A-Z0-9_]*[A-Z0-9]")


def environment() -> str:
    described = {name for group in GROUPS.values() for name in group}
    if read := names_read() - described:
        raise ValueError(f"variables that are read and not described: {sorted(read)}")
    if idle := described - names_read():
        raise ValueError(f"variables that are described and not read: {sorted(idle)}")
    parts = [
        f"## {title}\n\n" + table(("variable", "meaning"), [(code(n), w) for n, w in group.items()])
        for title, group in GROUPS.items()
    ]
    parts[list(GROUPS).index("Vault and OpenBao")] += (
        "\n\nOf these, the ones that Vault's own command knows may also be written with `BAO_` in the place of `VAULT_`: "
        f"{', '.join(code(name) for name in sorted(with_bao()))}."
    )
    return page(
        "Environment variables",
        "Settings come from the environment and from flags, never from a manifest. An empty variable counts as not set.",
        *parts,
        "## Flags\n\nEvery flag below may be given by its variable instead. A flag on the command line wins.",
        table(("variable", "flag", "verbs"), _flags()),
    )


def names_read() -> set[str]:
    """Every variable that `reconciler/cli` reads by its name, flags aside."""
    found: set[str] = set()
    for file in sorted((ROOT / "reconciler" / "cli").glob("*.py")):
        found |= _names_in(ast.parse(file.read_text(encoding="utf-8")))
    return found - flag_variables().keys()


def with_bao() -> set[str]:
    """Those that are read as `VAULT_x`, else `BAO_x`."""
    return set(_suffixes(ast.parse((ROOT / "reconciler/cli/vault_env.py").read_text(encoding="utf-8"))))


def _names_in(tree: ast.Module) -> set[str]:
    found = set(_suffixes(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if _NAME.fullmatch(text):
                found.add(text.replace("BAO_", "VAULT_"))
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(text)), *_]) if (
                text in TERMINAL
            ):
                found.add(text)
            case _:
                pass
    return found


def _suffixes(tree: ast.Module) -> Iterator[str]:
    """`VAULT_ADDR` of `_either(settings, "ADDR")`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="_either" | "_path"), args=[_, ast.Constant(value=str(suffix))]):
                yield f"VAULT_{suffix}"
            case _:
                pass


def commands() -> list[tuple[str, click.Command]]:
    """Every verb, with `secret set` and the like, in the order of the help."""
    context = click.Context(cli)
    found: list[tuple[str, click.Command]] = []
    for name in VERBS:
        command = cli.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            inner = click.Context(command, parent=context)
            for sub in command.list_commands(inner):
                child = command.get_command(inner, sub)
                assert child is not None
                found.append((f"{name} {sub}", child))
    return found


def flag_variables() -> dict[str, tuple[str, list[str]]]:
    """Variable -> (flag, verbs that have it)."""
    found: dict[str, tuple[str, list[str]]] = {}
    for verb, command in commands():
        for option in command.params:
            if isinstance(option, click.Option) and isinstance(option.envvar, str):
                long = next(name for name in option.opts if name.startswith("--"))
                found.setdefault(option.envvar, (long, []))[1].append(verb)
    return found


def _flags() -> list[tuple[str, str, str]]:
    everywhere = {
        verb for verb, command in commands() if any(getattr(p, "envvar", None) for p in command.params)
    }
    rows = []
    for variable, (flag, verbs) in sorted(flag_variables().items()):
        shown = "all" if set(verbs) == everywhere else ", ".join(verbs)
        rows.append((code(variable), code(flag), shown))
    return rows
