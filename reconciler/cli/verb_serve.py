"""`reconciler serve`: the Accounts page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from reconciler.cli.options import DURATION, IP_ADDRESS, common_flags, flag, jobs_flag, manifests_flag


@click.command(short_help="Serve the Accounts page.")
@manifests_flag
@flag(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="ADDRESS:PORT", help="Where to listen."
)
@flag("--accounts-url", metavar="URL", help="Where browsers find the page: https://accounts.acme.example.")
@flag(
    "--login",
    type=click.Choice(["none", "oidc", "proxy"]),
    default="none",
    show_default=True,
    help="How people sign in; 'none' is for this machine alone.",
)
@flag(
    "--allow",
    multiple=True,
    metavar="WHO=NAMESPACES",
    help="Who may see what: domain:acme.example=*, group:sales=sales,crm, user:ana@acme.example=.",
)
@flag("--oidc-issuer", metavar="URL", help="The identity provider that people sign in at.")
@flag("--oidc-client-id", metavar="ID", help="The page's own client there.")
@flag("--oidc-client-secret-file", metavar="FILE", help="Its secret; or RECONCILER_OIDC_CLIENT_SECRET.")
@flag(
    "--oidc-groups-claim", default="groups", show_default=True, help="The claim that lists a person's groups."
)
@flag("--oidc-scopes", default="openid email", show_default=True, help="What the login asks for.")
@flag("--proxy-secret-file", metavar="FILE", help="What proves the proxy; or RECONCILER_PROXY_SECRET.")
@flag("--proxy-secret-header", default="X-Proxy-Secret", show_default=True, help="The header that holds it.")
@flag("--proxy-user-header", default="X-Forwarded-Email", show_default=True, help="Who comes, by the proxy.")
@flag(
    "--proxy-groups-header", default="X-Forwarded-Groups", show_default=True, help="Their groups, by commas."
)
@flag(
    "--trusted-proxy",
    type=IP_ADDRESS,
    default="",
    metavar="ADDRESS",
    help="Whose X-Forwarded-For is believed (rate limits).",
)
@flag(
    "--observe-every",
    type=DURATION,
    default="5m",
    show_default=True,
    help="How often the store is looked at.",
)
@jobs_flag
@common_flags
def serve(manifests: str, listen: str, accounts_url: str | None, jobs: int, **options: Any) -> int:
    """Serve the Accounts page: which accounts need a person, and a button to connect them.

    Listens until SIGTERM or Ctrl-C. Manifests are read again when they change.
    """
    from contextlib import ExitStack

    from reconciler.cli.console import told
    from reconciler.cli.serving import backstage
    from reconciler.cli.session import make_session
    from reconciler.cli.signals import stopping
    from reconciler.errors import UsageError
    from reconciler.web.site import LoginMode, check_site, parse_listen, public_of

    session = make_session(options)
    as_json = session.console.log_format == "json"
    address = parse_listen(listen)
    every = options["observe_every"]
    if every < timedelta(seconds=1):
        raise UsageError("--observe-every is at least one second", hint="write --observe-every 5m")
    public = public_of(accounts_url, listen=address, login=LoginMode(options["login"]))
    settings = _settings(session, options, listen=address, public=public)
    check_site(settings)
    try:
        from reconciler.web.listener import Listener, bind
        from reconciler.web.start import make_site_app
    except ImportError:
        raise UsageError(
            "the page needs the extra 'web'",
            hint="in a checkout: pip install --require-hashes -r requirements/server.txt",
        ) from None

    with ExitStack() as closing:
        socket = bind(*address)
        closing.callback(socket.close)
        back = closing.enter_context(backstage(session, manifests, jobs=jobs))
        lookout, app = make_site_app(
            back, settings, every=every, login=_login_ports(session, settings, closing=closing)
        )
        listener = Listener(app, socket=socket, trusted_proxy=settings.trusted_proxy)
        closing.enter_context(stopping(session.stop, in_flight=back.run.in_flight.names, as_json=as_json))
        lookout.start()
        closing.callback(lookout.stop)
        listener.start()
        closing.callback(listener.stop)
        line = f"the Accounts page is at {settings.public}/ ({len(lookout.view.rows)} accounts)"
        click.echo(told(line, level="info", event="serving", as_json=as_json, url=f"{settings.public}/"))
        session.stop.wait()
    return 0


def _settings(session: Any, options: dict[str, Any], *, listen: tuple[str, int], public: Any) -> Any:
    from reconciler.web.access import parse_rule
    from reconciler.web.site import LoginMode, SiteSettings

    mode = LoginMode(options["login"])
    return SiteSettings(
        listen=listen,
        public=public,
        login=mode,
        rules=tuple(parse_rule(text) for text in options["allow"]),
        oidc=_oidc(session, options) if mode is LoginMode.OIDC else None,
        proxy=_proxy(session, options) if mode is LoginMode.PROXY else None,
        trusted_proxy=options["trusted_proxy"],
    )


def _oidc(session: Any, options: dict[str, Any]) -> Any:
    from reconciler.cli.serving import read_secret
    from reconciler.errors import UsageError
    from reconciler.web.site import OidcSettings

    issuer, client_id = options["oidc_issuer"], options["oidc_client_id"]
    if not issuer or not client_id:
        raise UsageError("--login oidc needs --oidc-issuer and --oidc-client-id")
    scopes = tuple(options["oidc_scopes"].split())
    if "openid" not in scopes:
        raise UsageError("--oidc-scopes needs openid: without it there is no ID token")
    secret = read_secret(
        session, variable="RECONCILER_OIDC_CLIENT_SECRET", file=options["oidc_client_secret_file"]
    )
    return OidcSettings(issuer, client_id, secret, options["oidc_groups_claim"], scopes)


def _proxy(session: Any, options: dict[str, Any]) -> Any:
    from reconciler.cli.serving import read_secret
    from reconciler.errors import UsageError
    from reconciler.web.site import ProxySettings

    secret = read_secret(session, variable="RECONCILER_PROXY_SECRET", file=options["proxy_secret_file"])
    if secret is None or len(secret.reveal()) < 16:
        raise UsageError(
            "--login proxy needs a shared secret of 16 characters or more",
            hint="give RECONCILER_PROXY_SECRET or --proxy-secret-file, and let the proxy send it with every request",
        )
    return ProxySettings(
        secret,
        user_header=options["proxy_user_header"],
        groups_header=options["proxy_groups_header"],
        secret_header=options["proxy_secret_header"],
    )


def _login_ports(session: Any, settings: Any, *, closing: Any) -> Any:
    """What reaches the login's issuer; None where nobody signs in here."""
    if settings.oidc is None:
        return None
    from reconciler.adapters.discovery import HttpMetadataEndpoint
    from reconciler.adapters.token_endpoint import HttpTokenEndpoint
    from reconciler.cli.serving import login_client

    client = login_client(session, settings.oidc.issuer)
    closing.callback(client.close)
    return HttpMetadataEndpoint(client), HttpTokenEndpoint(client)
