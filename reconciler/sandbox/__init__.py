"""A local authorization server and resource server, for the demo and for users' own tests.

`with Sandbox(SandboxConfig(...)) as sandbox:` runs one in this process; `python -m reconciler.sandbox` and
`RemoteSandbox.spawn()` run one in a process of its own. It is an independent peer: Authlib's server side behind a small
web server, which knows nothing of the tool that it is to test. `faults` scripts what goes wrong, `person` presses the
buttons of its consent page.

It is no server for real accounts: anybody may log in as anybody, and it forgets everything when it stops.
"""

from reconciler.sandbox.config import (
    LoopbackRedirects,
    Person,
    RefreshTokenRule,
    RegistrationTokenRotation,
    Rotation,
    SandboxConfig,
    TokenPolicy,
)
from reconciler.sandbox.faults import Fault, Kind
from reconciler.sandbox.remote import RemoteSandbox
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.serving import serve

__all__ = [
    "Fault",
    "Kind",
    "LoopbackRedirects",
    "Person",
    "RefreshTokenRule",
    "RegistrationTokenRotation",
    "RemoteSandbox",
    "Rotation",
    "Sandbox",
    "SandboxConfig",
    "TokenPolicy",
    "serve",
]
