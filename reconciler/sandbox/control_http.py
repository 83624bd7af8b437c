"""The control calls over HTTP: `POST /_sandbox/<verb>`, a JSON object in, `{"result": ...}` out.

Rules: off where the config says so; every call presents the control token as a bearer token, compared in constant time
(the header also keeps web pages out: a browser would have to ask first, and is not answered); a wrong argument is a 400
that names the error's kind and text, which never hold a secret.
"""

from __future__ import annotations

import hmac
from typing import Any

from flask import Flask, jsonify, request

from reconciler.sandbox.control import VERBS, Control


def add_control(app: Flask, control: Control, *, token: str) -> None:
    """Serve the verbs of `control` to whoever presents `token`."""

    def call(verb: str) -> Any:
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(presented.encode(), token.encode()):
            return jsonify(error="wrong control token"), 401
        if verb not in VERBS:
            return jsonify(error="unknown verb", verbs=list(VERBS)), 404
        arguments = request.get_json(silent=True) if request.content_length else {}
        if not isinstance(arguments, dict):
            return jsonify(error="a JSON object of arguments is needed"), 400
        try:
            return jsonify(result=getattr(control, verb)(**arguments))
        except (TypeError, ValueError) as wrong:
            return jsonify(error=f"{type(wrong).__name__}: {wrong}"), 400

    app.add_url_rule("/_sandbox/<verb>", "control", call, methods=["POST"])
