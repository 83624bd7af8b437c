"""What waits for a person or for the next request: consent tickets, authorization codes, device requests.

Everything here lives for a minute or so and is spent once. A code that comes back a second time is a stolen one: the
grant that it led to is revoked (RFC 6749 §4.1.2). Expired entries are swept whenever a new one is made.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from reconciler.sandbox.records import AuthorizationCode, DeviceRequest
from reconciler.sandbox.world import World

TICKET_SECONDS = 600
DEVICE_SECONDS = 600
_USER_CODE_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 §6.1: no vowels, nothing easily confused


@dataclass(frozen=True, slots=True)
class _Ticket:
    purpose: str
    expires_at: float


class Pending:
    """Short-lived records of one sandbox; shares the world's lock and clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tickets: dict[str, _Ticket] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self._devices: dict[str, DeviceRequest] = {}

    # A consent form carries a ticket, so that a decision is made on a page that was really shown, and once.

    def open_ticket(self, purpose: str) -> str:
        """A ticket for one form; `purpose` binds it to the request that the page was about."""
        with self._world.lock:
            now = self._world.clock.now()
            self._tickets = {key: one for key, one in self._tickets.items() if one.expires_at > now}
            ticket = secrets.token_urlsafe(24)
            self._tickets[ticket] = _Ticket(purpose, now + TICKET_SECONDS)
            return ticket

    def spend_ticket(self, ticket: str, *, purpose: str) -> bool:
        """Whether the ticket was open for this very purpose. It is spent either way."""
        with self._world.lock:
            found = self._tickets.pop(ticket, None)
            return (
                found is not None and found.purpose == purpose and found.expires_at > self._world.clock.now()
            )

    def keep_code(self, code: AuthorizationCode) -> None:
        """Remember a code. Those of the last day stay known, so that a late second use is still noticed."""
        with self._world.lock:
            limit = self._world.clock.now() - 86400
            self._codes = {key: one for key, one in self._codes.items() if one.expires_at > limit}
            self._codes[code.value] = code

    def client_of(self, value: str) -> str:
        """Whose code it is; '' where there is none."""
        code = self._codes.get(value)
        return "" if code is None else code.client_id

    def present_code(self, value: str, *, client_id: str) -> AuthorizationCode | None:
        """The code, once, in time, to the client that it was made for. A second presentation revokes its grant."""
        with self._world.lock:
            code = self._codes.get(value)
            if code is None or code.client_id != client_id:
                return None
            if code.presented:
                if code.grant is not None:
                    self._world.revoke_grants([code.grant], because="authorization code reuse")
                return None
            code.presented = True
            return code if self._world.clock.now() < code.expires_at else None

    def open_device_request(self, *, client_id: str, scopes: tuple[str, ...]) -> DeviceRequest:
        """A device that waits for its person."""
        with self._world.lock:
            now = self._world.clock.now()
            limit = now - 86400
            self._devices = {key: one for key, one in self._devices.items() if one.expires_at > limit}
            letters = "".join(secrets.choice(_USER_CODE_ALPHABET) for _ in range(8))
            request = DeviceRequest(
                device_code=secrets.token_urlsafe(32),
                user_code=f"{letters[:4]}-{letters[4:]}",
                client_id=client_id,
                scopes=scopes,
                expires_at=now + DEVICE_SECONDS,
                now=self._world.clock.now,
            )
            self._devices[request.device_code] = request
            return request

    def find_device_request(self, device_code: str) -> DeviceRequest | None:
        return self._devices.get(device_code)

    def find_user_code(self, user_code: str) -> DeviceRequest | None:
        """The undecided request with this code, however it was typed (RFC 8628 §6.1)."""
        plain = "".join(letter for letter in user_code.upper() if letter in _USER_CODE_ALPHABET)
        with self._world.lock:
            for request in self._devices.values():
                if request.user_code.replace("-", "") == plain and not request.is_expired():
                    return request if request.decision is None else None
        return None
