"""`reconciler demo`: the whole story on this machine, with a sandbox provider and a store of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import flag
from reconciler.cli.sandbox_extra import sandbox_missing
from reconciler.errors import clean

if TYPE_CHECKING:
    from reconciler.cli.demo_stage import Stage
    from reconciler.sandbox import Sandbox

_TOKEN_SECONDS = 24
_MANIFESTS = {
    "sandbox.yaml": """\
apiVersion: oauth2.reconciler/v1
kind: Provider
metadata: {{name: sandbox}}
spec:
  base: custom
  registration: dynamic            # reconciler registers its client there by itself (RFC 7591)
  client: {{name: demo}}
  server:
    issuer: {issuer}
    refreshToken: {{rotation: single-use}}
""",
    "people.yaml": """\
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {{name: files-backup}}
spec:
  description: nightly backup of the shared files
  provider: sandbox
  owner: ana@example.com
  scopes: [files.read, offline_access]
---
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {{name: profile-sync}}
spec:
  description: keeps the address book up to date
  provider: sandbox
  owner: ben@example.com
  scopes: [profile, offline_access]
""",
    "services.yaml": """\
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {{name: report-service}}
spec:
  description: a service of its own; nobody is asked
  provider: sandbox
  grant: client_credentials
  scopes: [files.read]
""",
}


@click.command(short_help="Tell the whole story on this machine.")
@flag("--keep", is_flag=True, help="Leave the folder with manifests and store, to look around in it.")
def demo(keep: bool) -> int:
    """Tell the whole story on this machine: plan, reconcile, consent, refresh, revoke. Takes less than a minute.

    Uses a sandbox provider and a store of its own; DEMO_STORE=vault uses the Vault of RECONCILER_STORE instead,
    under a prefix of its own.
    """
    try:
        from reconciler.sandbox import Sandbox, SandboxConfig, TokenPolicy
    except ModuleNotFoundError as error:
        raise sandbox_missing() from error
    from reconciler.cli.demo_stage import Stage, stage_environment

    with ExitStack() as closing:
        folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
        if not keep:
            closing.callback(_remove, folder)
        sandbox = closing.enter_context(
            Sandbox(SandboxConfig(policy=TokenPolicy(access_token_seconds=_TOKEN_SECONDS)))
        )
        environment = stage_environment(os.environ, folder=folder, color=sys.stdout.isatty())
        _tell(Stage(folder, environment), sandbox)
        if keep:
            click.echo(f"\nLeft behind: {clean(folder)}")
    return 0


def _tell(stage: Stage, sandbox: Sandbox) -> None:
    _scene_declared(stage, sandbox)
    stage.scene("2. What would happen: plan writes nothing, reads no secret, calls no provider")
    stage.run("plan")
    stage.scene("3. Make it so")
    stage.run("reconcile")
    stage.say(
        "\nThe client was registered by itself; the service has its token; two accounts wait for their owners."
    )
    stage.scene("4. The owners consent, each once, in a browser")
    stage.consent("files-backup", subject="ana@example.com")
    stage.consent("profile-sync", subject="ben@example.com")
    stage.scene("5. Nothing is left to do")
    stage.run("plan")
    stage.scene("6. Time passes, and tokens are refreshed before they expire")
    stage.wait(_TOKEN_SECONDS / 2, why=f"access tokens live {_TOKEN_SECONDS} s here")
    before = _exchanges(sandbox)
    stage.run("refresh")
    rotated = _exchanges(sandbox) - before
    stage.say(
        f"\nThe provider rotated {rotated} refresh tokens; each old one is dead, each new one was stored first."
    )
    stage.scene("7. Ana removes the app's access, and the next run tells whom to ask, and why")
    sandbox.revoke_person("ana@example.com")
    stage.wait(_TOKEN_SECONDS, why="her last access token expires")
    stage.run("reconcile")
    stage.say(
        "\nThat was the whole story. Three things to try next:\n"
        "  1. examples/: a repository to copy, for this sandbox or for Google, Microsoft and Mercado Livre\n"
        "  2. docs/guide/first-steps.md: the same by hand, on your laptop\n"
        "  3. docs/guide/vault.md: the same with your own Vault or OpenBao, and in CI"
    )


def _scene_declared(stage: Stage, sandbox: Sandbox) -> None:
    stage.scene("1. What is declared, in Git")
    folder = stage.folder / "manifests"
    folder.mkdir()
    for name, text in _MANIFESTS.items():
        (folder / name).write_text(text.format(issuer=sandbox.issuer), encoding="utf-8")
        stage.say(f"\nmanifests/{name}")
        stage.say("\n".join(f"    {line}" for line in text.format(issuer=sandbox.issuer).splitlines()))
    stage.say(f"\nA sandbox authorization server runs at {sandbox.issuer}. A new store is made for it:")
    stage.run("init-store", "--trust", "tofu", "--loopback")


def _exchanges(sandbox: Sandbox) -> int:
    """How often grants of people were exchanged for tokens."""
    return sum(grant["exchanges"] for grant in sandbox.list_grants())


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
