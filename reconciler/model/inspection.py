"""What a look at the surroundings finds: a mount, a login, a file, a certificate. Facts only; `decide/doctor` judges them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class MountFacts:
    """A secrets engine: its type (`kv`) and, of KV, its version (`1`, `2`; '' where it says none)."""

    kind: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """What the store says of our login. `lasts` None: it does not end."""

    policies: tuple[str, ...]
    lasts: timedelta | None
    renewable: bool = False

    @property
    def is_root(self) -> bool:
        return "root" in self.policies


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file or folder of ours. `mode` are its permission bits; all else is empty where it is missing."""

    path: str
    what: str
    """`the key file`, in a sentence."""
    exists: bool = False
    mode: int = 0
    ours: bool = True
    """It belongs to the user who runs this."""
    folder: bool = False
    shared: bool = False
    """A folder that may hold what is not ours: closing it could shut others out."""
    ends: datetime | None = None
    """When the first certificate in it ends; None: it holds none, or is not one of certificates."""
