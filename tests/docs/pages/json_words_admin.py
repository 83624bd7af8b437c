"""What the keys mean in the documents of `reconciler trust --show` and `reconciler secret list`."""

from collections.abc import Mapping

ADMIN_TITLES: Mapping[str, str] = {"BindingDocument": "binding", "SecretDocument": "client secret"}
ADMIN_HEADINGS: Mapping[str, str] = {"trust": "trust --show", "secrets": "secret list"}
ADMIN_WORDS: Mapping[str, str] = {
    "trust.kind": "kind of this document",
    "secrets.kind": "kind of this document",
    "mode": "what a first use may bind",
    "loopback": "whether http and addresses of this machine are admitted",
    "allowed_hosts": "hosts that may have addresses that are not public",
    "secret_prefixes": "namespace, and the further prefixes that its providers may name",
    "bindings": "each credential that is bound",
    "unreadable": "bindings that could not be read, and why",
    "credential": "where the credential is kept",
    "origins": "which may receive it",
    "revoked": "true: nothing may receive it, until it is trusted anew",
    "BindingDocument.version": "KV version of the binding",
    "folder": "what was listed, with what is below it",
    "secrets": "by path",
    "SecretDocument.path": "where it is kept",
    "SecretDocument.version": "KV version, the newest",
    "keys": "names of its keys, never their values; null: the login may not read it",
    "written": "when the newest version was written",
    "deleted": "whether the newest version is deleted",
}
