"""The places where a crash matters, by name: crash tests kill a process at each, and everywhere else they do nothing.

Each is reached right after what its name says is done (`before-` ones right before it).
"""

from __future__ import annotations

from reconciler.decide.refresh_effects import Step

REFRESH_FAILPOINTS = (
    "refresh.grant-read",
    "refresh.intent-written",
    "refresh.answer-received",
    "refresh.committed",
    "refresh.released",
    "refresh.unclear-written",
    "refresh.verdict-written",
    "refresh.published",
    "refresh.status-written",
)
CONSENT_FAILPOINTS = (
    "consent.answer-received",
    "consent.announced",
    "consent.committed",
    "consent.published",
    "consent.status-written",
)
IMPORT_FAILPOINTS = ("import.announced", "import.stored", "import.proved")
REVOKE_FAILPOINTS = ("revoke.taken-back", "revoke.set-aside")
REGISTER_FAILPOINTS = (
    "register.intent-written",
    "register.answer-received",
    "register.committed",
)
MANAGE_FAILPOINTS = (
    "update.intent-written",
    "update.answer-received",
    "update.committed",
    "deregister.intent-written",
    "deregister.answer-received",
)
"""Managing a client that is registered (RFC 7592)."""
RENAME_FAILPOINTS = ("rename.grant-copied", "rename.grant-moved", "rename.token-withdrawn", "rename.marked")
COPY_FAILPOINTS = ("copy.claimed", "copy.key-copied", "copy.verified", "copy.frozen", "copy.marked")
FAILPOINTS = (
    *REFRESH_FAILPOINTS,
    *CONSENT_FAILPOINTS,
    *IMPORT_FAILPOINTS,
    *REGISTER_FAILPOINTS,
    *MANAGE_FAILPOINTS,
    *RENAME_FAILPOINTS,
    *REVOKE_FAILPOINTS,
    *COPY_FAILPOINTS,
)

AFTER_STEP = {
    Step.INTENT: "refresh.intent-written",
    Step.COMMIT: "refresh.committed",
    Step.RELEASE: "refresh.released",
    Step.UNCLEAR: "refresh.unclear-written",
    Step.VERDICT: "refresh.verdict-written",
}
