"""`reconciler policy ROLE`: the Vault policy of a role, or with `--jwt` the JWT role of the job that has it.

Asks nobody: the store is named by RECONCILER_STORE and not opened. What is printed goes to Vault's own command line.
"""

from __future__ import annotations

import re
from typing import Any

import click

from reconciler.cli.options import common_flags, flag, output_flag
from reconciler.decide.access import NARROWABLE, SUMMARIES, Reach, Role
from reconciler.errors import UsageError, clean

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)
"""GitLab nests groups."""


@click.command(short_help="Print a role's Vault policy.")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@output_flag("text", "json")
@flag("--namespace", "namespaces", multiple=True, metavar="NAMESPACE", help="Only this team's part.")
@flag(
    "--secrets",
    multiple=True,
    metavar="[MOUNT:]PATH",
    help="Client secrets also stand here, as 'trust settings --secret-prefix' allows.",
)
@flag("--scan", is_flag=True, help="Allow reading metadata in bulk. OpenBao only: Vault refuses the word.")
@flag("--jwt", "forge", type=click.Choice(["github", "gitlab"]), help="Print the JWT role of a CI job.")
@flag("--repository", metavar="OWNER/NAME", help="With --jwt: the repository; at GitLab the project's path.")
@flag("--audience", metavar="URL", help="With --jwt: what the ID token must be made for.")
@flag("--ref", metavar="BRANCH", help="With --jwt: only jobs of this branch.")
@flag("--environment", metavar="NAME", help="With --jwt: only jobs of this environment.")
@common_flags
def policy(role: str, output: str, **options: Any) -> int:
    """Print the Vault policy of ROLE, made from the store's layout; it allows what the role's verbs do, and nothing else.

    \b
    reconciler policy plan | vault policy write reconciler-plan -
    reconciler policy plan --jwt github --repository acme/oauth --audience https://vault.example.com \\
        | vault write auth/jwt/role/reconciler-plan -
    """
    from reconciler.cli.session import TOOL, make_session
    from reconciler.decide.access import policy_name, rules_for
    from reconciler.decide.job_login import jwt_role
    from reconciler.report.policy import policy_document, render_hcl, render_jwt_role

    session = make_session(options)
    chosen = Role(role)
    reach = _reach(session, chosen, options)
    rules = rules_for(chosen, reach)
    job = _job(options)
    body = None if job is None else jwt_role(chosen, job, policy=policy_name(chosen, reach))
    if output == "json":
        text = policy_document(rules, role=chosen, reach=reach, jwt_role=body, tool=TOOL)
    elif body is not None:
        text = render_jwt_role(body)
    else:
        text = render_hcl(rules, role=chosen, reach=reach)
    click.echo(text, nl=False)
    return 0


def _reach(session: Any, role: Role, options: dict[str, Any]) -> Reach:
    from reconciler.cli.settings import VaultLocation, store_location
    from reconciler.model.names import is_name
    from reconciler.model.store_path import reference_path

    location = store_location(session.settings)
    if not isinstance(location, VaultLocation):
        raise UsageError(
            "an embedded store has no policies: whoever reads its file and its key has everything",
            hint="set RECONCILER_STORE=vault://<mount>/<prefix>",
        )
    namespaces = tuple(dict.fromkeys(options["namespaces"]))
    for namespace in namespaces:
        if not is_name(namespace):
            raise UsageError(f"'{clean(namespace)}' is no namespace", hint="a team's name, like 'marketing'")
    if namespaces and role not in NARROWABLE:
        raise UsageError(
            f"the role '{role.value}' cannot be narrowed to a namespace: {SUMMARIES[role]}",
            hint=f"--namespace is for {', '.join(known.value for known in NARROWABLE)}",
        )
    secrets = []
    for text in options["secrets"]:
        mount, colon, path = text.rpartition(":")
        try:
            secrets.append(reference_path(path.rstrip("/"), mount=mount if colon else None))
        except ValueError as error:
            raise UsageError(
                f"--secrets '{clean(text)}': {error}", hint="write <path> or <mount>:<path>"
            ) from None
    return Reach(location.mount, location.layout, namespaces, tuple(secrets), scan=options["scan"])


def _job(options: dict[str, Any]) -> Any:
    """None without --jwt. UsageError where a flag of it is missing, or given without it."""
    from reconciler.decide.job_login import Forge, Job

    given = {name: options[name] for name in ("repository", "audience", "ref", "environment")}
    if options["forge"] is None:
        source = click.get_current_context().get_parameter_source
        # A variable may have been set for something else; a flag was meant.
        typed = [name for name in given if source(name) is click.core.ParameterSource.COMMANDLINE]
        if typed:
            raise UsageError(f"--{typed[0]} is of a JWT role", hint="add --jwt github or --jwt gitlab")
        return None
    for name in ("repository", "audience"):
        if not given[name]:
            raise UsageError(f"--jwt needs --{name}", hint="a role that is not bound to it lets everybody in")
    if _REPOSITORY.fullmatch(given["repository"]) is None:
        # A claim that no token bears would lock everybody out, and only the first job would tell.
        raise UsageError(
            f"--repository '{clean(given['repository'], cap=80)}' is no repository",
            hint="write <owner>/<name>",
        )
    return Job(Forge(options["forge"]), **given)
