"""The state of one sandbox: clients, grants and tokens, in memory, for as long as the process lives.

It decides what a presented token is, what replaces it and what dies with it; it knows no HTTP and no Authlib.

Rules:
- every call that reads and changes holds `lock` (re-entrant), so a rotation happens once or not at all;
- tokens are found by their SHA-256, so that looking one up tells nothing about the others;
- a reuse kills the whole family: the refresh tokens and every access token that came from the grant;
- nothing is forgotten: a superseded token stays known, since its return is what reuse detection is about.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterable
from typing import Any

from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.config import Rotation, SandboxConfig, TokenPolicy
from reconciler.sandbox.counters import Counters
from reconciler.sandbox.patience import Patience, renewable
from reconciler.sandbox.records import AccessToken, Client, Grant, RefreshToken
from reconciler.sandbox.rotation import Presented, has_expired, judge_refresh_token

WITHOUT_SECRET = ("none", "private_key_jwt")
"""Client authentications that need no client secret."""


class World:
    """Clients, grants and tokens, and the changes that OAuth makes to them."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.lock = threading.RLock()
        self.clock = SandboxClock(ahead=config.clock_skew_seconds)
        self.counters = Counters()
        self.clients: dict[str, Client] = {}
        self.grants: dict[str, Grant] = {}
        self._refresh_tokens: dict[bytes, RefreshToken] = {}
        self._access_tokens: dict[bytes, AccessToken] = {}
        self.patience = Patience(self)

    # ------------------------------------------------------------------------------------------------ clients

    def add_client(
        self,
        metadata: dict[str, Any],
        *,
        client_id: str | None = None,
        secret: str | None = None,
        policy: TokenPolicy | None = None,
        dynamic: bool = False,
    ) -> Client:
        """Remember a client; id and secret are made where not given, and a public client (`none`) has no secret."""
        with self.lock:
            client_id = client_id or secrets.token_urlsafe(16)
            if client_id in self.clients:
                raise ValueError("a client with this id exists already")
            lifetime = self.config.client_secret_seconds if dynamic else None
            now = int(self.clock.now())
            public = metadata.get("token_endpoint_auth_method") in WITHOUT_SECRET
            self.clients[client_id] = client = Client(
                client_id=client_id,
                secret=None if public else secret or secrets.token_urlsafe(32),
                metadata=metadata,
                issued_at=now,
                now=self.clock.now,
                loopback=self.config.loopback_redirects,
                secret_expires_at=now + lifetime if lifetime and not public else 0,
                policy=policy,
                dynamic=dynamic,
                registration_token=secrets.token_urlsafe(32) if dynamic else None,
            )
            self.counters.registrations += dynamic
            return client

    def update_client(self, client: Client, metadata: dict[str, Any]) -> None:
        """Replace a client's metadata. A client that becomes public loses its secret, one that ceases to be gets one."""
        with self.lock:
            client.metadata = metadata
            public = metadata.get("token_endpoint_auth_method") in WITHOUT_SECRET
            if public:
                client.secret = None
            elif client.secret is None:
                client.secret = secrets.token_urlsafe(32)
            self.counters.updates += 1

    def renew_registration_token(self, client: Client) -> None:
        """Give a client a new registration access token; the old one is dead."""
        client.registration_token = secrets.token_urlsafe(32)

    def renew_client_secret(self, client: Client, *, secret: str | None = None) -> str:
        """Give a client a new secret, or the one named, and return it; the old one is dead."""
        with self.lock:
            client.secret = secret or secrets.token_urlsafe(32)
            client.secret_expires_at = 0
            return client.secret

    def remove_client(self, client_id: str) -> bool:
        """Forget a client and kill all that it holds; False where there was none."""
        with self.lock:
            if self.clients.pop(client_id, None) is None:
                return False
            self.revoke_grants(self.grants_of(client_id=client_id), because="client deleted")
            for token in self._access_tokens.values():
                token.revoked = token.revoked or token.client_id == client_id
            return True

    def policy_of(self, client_id: str) -> TokenPolicy:
        """The client's own token policy, or the sandbox's."""
        client = self.clients.get(client_id)
        return client.policy if client is not None and client.policy is not None else self.config.policy

    # ------------------------------------------------------------------------------------------------- grants

    def open_grant(
        self, *, client_id: str, subject: str, scopes: Iterable[str], origin: str, nonce: str | None = None
    ) -> Grant:
        """A new family. Where the policy keeps one grant a person, the person's earlier ones die."""
        with self.lock:
            if self.policy_of(client_id).one_grant_per_person:
                earlier = self.grants_of(client_id=client_id, subject=subject)
                self.revoke_grants(earlier, because="replaced by a newer consent")
            grant = Grant(
                grant_id=f"grant-{len(self.grants) + 1}",
                client_id=client_id,
                subject=subject,
                scopes=tuple(scopes),
                origin=origin,
                created_at=self.clock.now(),
                nonce=nonce,
            )
            self.grants[grant.grant_id] = grant
            return grant

    def grants_of(self, *, client_id: str | None = None, subject: str | None = None) -> list[Grant]:
        """The living grants of a client, a person, or both."""
        with self.lock:
            return [
                grant
                for grant in self.grants.values()
                if grant.alive
                and (client_id is None or grant.client_id == client_id)
                and (subject is None or grant.subject == subject)
            ]

    def revoke_grants(self, grants: Iterable[Grant], *, because: str) -> int:
        """Kill families, and say how many died."""
        died = 0
        with self.lock:
            for grant in grants:
                if grant.alive:
                    grant.revoked_at, grant.revoked_because = self.clock.now(), because
                    died += 1
            self.counters.families_revoked += died
        return died

    # ------------------------------------------------------------------------------------------------- tokens

    def issue_access_token(
        self, *, client_id: str, subject: str, scope: str, grant: Grant | None, seconds: int | None = None
    ) -> AccessToken:
        """A new access token that lives `seconds`, or what the client's policy says."""
        now = self.clock.now()
        lifetime = seconds if seconds is not None else self.policy_of(client_id).access_token_seconds
        token = AccessToken(
            value="sandbox-access-" + secrets.token_urlsafe(32),
            client_id=client_id,
            subject=subject,
            scope=scope,
            issued_at=now,
            expires_at=now + lifetime,
            now=self.clock.now,
            grant=grant,
        )
        self._access_tokens[_digest(token.value)] = token
        if grant is not None:
            grant.last_issued_at = now
        return token

    def issue_refresh_token(self, grant: Grant) -> RefreshToken:
        """A new refresh token of a family."""
        now = self.clock.now()
        value = "sandbox-refresh-" + secrets.token_urlsafe(32)
        token = RefreshToken(value=value, grant=grant, issued_at=now, used_at=now)
        self._refresh_tokens[_digest(value)] = token
        return token

    def find_access_token(self, value: str) -> AccessToken | None:
        known = self._access_tokens.get(_digest(value))
        if known is None and self.config.manners.renewal != "refresh-token":
            return renewable(self, value)
        return known

    def find_refresh_token(self, value: str) -> RefreshToken | None:
        return self._refresh_tokens.get(_digest(value))

    def judge(self, token: RefreshToken) -> Presented:
        """What `token` would be if it were presented now. Changes nothing."""
        successor = self.find_refresh_token(token.successor) if token.successor else None
        policy = self.policy_of(token.grant.client_id)
        return judge_refresh_token(token, policy, successor=successor, now=self.clock.now())

    def present_refresh_token(self, value: str, *, client_id: str) -> RefreshToken | None:
        """The token if it may be exchanged by this client. A reuse kills the family; a stranger's attempt does not."""
        with self.lock:
            token = self.find_refresh_token(value)
            if token is None or token.grant.client_id != client_id:
                return None
            match self.judge(token):
                case Presented.CURRENT:
                    return token
                case Presented.RETRY:
                    self.counters.retries_in_grace += 1
                    return token
                case Presented.REUSED:
                    token.grant.reuses += 1
                    self.counters.reuses += 1
                    if self.policy_of(client_id).reuse_revokes:
                        self.revoke_grants([token.grant], because="refresh token reuse")
                    return None
                case Presented.DEAD:
                    return None

    def succeed(self, token: RefreshToken) -> RefreshToken:
        """The refresh token that an exchange of `token` answers with: itself, its successor so far, or a new one."""
        with self.lock:
            if not self._rotates(token):
                return token
            if token.successor is not None and self.judge(token) is Presented.RETRY:
                known = self.find_refresh_token(token.successor)
                if known is not None:
                    return known
            fresh = self.issue_refresh_token(token.grant)
            token.successor = fresh.value
            return fresh

    def spend(self, token: RefreshToken) -> None:
        """Note the use of a token: its idle time starts anew and, if it rotates, it is superseded from its first use."""
        with self.lock:
            token.used_at = self.clock.now()
            rotates = self._rotates(token)
            if rotates and token.superseded_at is None:
                token.superseded_at = token.used_at

    def _rotates(self, token: RefreshToken) -> bool:
        """Whether a use of the token now brings another one."""
        policy = self.policy_of(token.grant.client_id)
        if policy.rotation is Rotation.PERIODIC:
            return self.clock.now() - token.issued_at >= policy.rotate_after_seconds
        return policy.rotation is not Rotation.REUSABLE

    def is_too_young(self, grant: Grant) -> bool:
        """Whether the newest access token of the grant is younger than its policy lets be refreshed."""
        least = self.policy_of(grant.client_id).min_age_seconds
        return least > 0 and self.clock.now() - grant.last_issued_at < least

    def state_of_refresh_token(self, value: str) -> dict[str, Any]:
        """For tests: what a refresh token is, without presenting it: `state` is unknown, dead, or as judged."""
        with self.lock:
            token = self.find_refresh_token(value)
            if token is None:
                return {"state": "unknown", "grant": None}
            policy = self.policy_of(token.grant.client_id)
            return {
                "state": self.judge(token).value,
                "grant": token.grant.grant_id,
                "subject": token.grant.subject,
                "family_alive": token.grant.alive,
                "revoked_because": token.grant.revoked_because,
                "expired": has_expired(token, policy, now=self.clock.now()),
                "superseded": token.superseded_at is not None,
            }

    def count_exchange(self, grant_type: str, *, client_id: str, grant: Grant | None) -> None:
        """One token response was made."""
        with self.lock:
            self.counters.exchanges[grant_type] += 1
            self.counters.exchanges_by_client[client_id] += 1
            if grant is not None:
                grant.exchanges += 1


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
