"""The page on which a person types the code that a device shows, and decides (RFC 8628 §3.3).

Same form as the consent page, same field names. A wrong code says so and nothing more.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from reconciler.sandbox.pages import shell
from reconciler.sandbox.pages.consent import chosen_subject
from reconciler.sandbox.protocol.server import SandboxServer
from reconciler.sandbox.records import DeviceRequest


class DevicePages:
    """`GET` and `POST /device` of one sandbox."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server

    def add_to(self, app: Flask) -> None:
        app.add_url_rule("/device", "device", self.device, methods=["GET", "POST"])

    def device(self) -> Any:
        """Ask for the code, show what it is for, or act on the decision."""
        typed = request.args.get("user_code", "")
        if not typed:
            return shell.page("code.html", wrong=False)
        with self._server.world.lock:
            waiting = self._server.pending.find_user_code(typed)
            client = self._server.world.clients.get(waiting.client_id) if waiting is not None else None
            if waiting is None or client is None:
                return shell.page("code.html", status=404, wrong=True)
            return self._decide(waiting) if request.method == "POST" else self._show(waiting)

    def _show(self, waiting: DeviceRequest) -> Any:
        config = self._server.world.config
        return shell.page(
            "consent.html",
            client=self._server.world.clients[waiting.client_id],
            redirect_uri=None,
            people=config.people,
            scopes=[(name, config.scopes.get(name, "")) for name in waiting.scopes],
            ticket=self._server.pending.open_ticket(waiting.device_code),
            device=waiting.user_code,
        )

    def _decide(self, waiting: DeviceRequest) -> Any:
        if not self._server.pending.spend_ticket(request.form.get("ticket", ""), purpose=waiting.device_code):
            return shell.error_page("This page is out of date", "Type the code again.")
        subject = chosen_subject()
        if request.form.get("decision") != "allow":
            waiting.decision = False
            return shell.done_page("Denied", "The device gets nothing. You can close this page.")
        if not subject:
            return shell.error_page("Nobody is logged in", "Choose a person, or type a name.")
        ticked = set(request.form.getlist("granted_scope"))
        waiting.scopes = tuple(one for one in waiting.scopes if one in ticked)
        waiting.subject, waiting.decision = subject, bool(waiting.scopes)
        return shell.done_page("Done", "The device goes on by itself. You can close this page.")
