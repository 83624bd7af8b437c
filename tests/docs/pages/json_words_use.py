"""What the keys of the documents of `token` and `check` mean."""

from collections.abc import Mapping

USE_TITLES: Mapping[str, str] = {
    "CheckedDocument": "check of an account",
    "OpenLinkDocument": "open consent link",
}
USE_HEADINGS: Mapping[str, str] = {"token": "token", "check": "check"}
USE_WORDS: Mapping[str, str] = {
    "token.values": "identifiers that the base keeps beside the token: `instance_url`, `realmId`",
    "token.kind": "kind of this document",
    "check.kind": "kind of this document",
    "token.version": "version of the key that was read",
    "access_token": "the secret",
    "token_type": "`Bearer`, as the provider calls it",
    "expires_at": "when it dies",
    "expires_in": "seconds until then, by the store's clock",
    "scope": "what was granted",
    "checks": "one an account, in the order of the command line",
    "check.exit_code": "of the process",
    "fit": "it can be worked with, for as long and with the scopes that were asked for",
    "live": "what the provider said of the token: `accepted`, `refused`, or `unanswered`",
    "CheckedDocument.missingScopes": "asked for by `--scopes` and not granted",
    "CheckedDocument.command": "what helps, to be pasted",
}
