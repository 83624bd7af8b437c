"""What looks like a secret that somebody wrote into a manifest.

Rules:
- known forms (prefixes that providers give to their tokens and client secrets) count anywhere;
- otherwise a long text counts where it looks random: 32 characters or more of mixed case and digits, little order in it;
- the answer says what it looks like and never the text.
Names, URLs, scopes, GUIDs, commit hashes and Google's client ids do not count.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from string import ascii_letters, digits

SHORTEST = 16
_BITS_A_CHARACTER = 4.3
_FEWEST_TURNS = 3
_TOKEN = re.compile(r"[A-Za-z0-9_~+=-]{32,}")
_TURNS = re.compile(r"[0-9][A-Za-z]|[A-Za-z][0-9]")
_KNOWN = (
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    ("a JSON web token", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}"),
    ("a Google access token", r"ya29\.[\w-]{10,}"),
    ("a Google refresh token", r"1//0[\w-]{20,}"),
    ("a Google client secret", r"GOCSPX-[\w-]{10,}"),
    ("a Google API key", r"AIza[\w-]{30,}"),
    ("a Microsoft client secret", r"[\w.~-]{3}[78]Q~[\w.~-]{30,}"),
    ("a Microsoft refresh token", r"M\.[CR]\d{2,3}_[\w.!*$-]{20,}|[01]\.A[\w-]{60,}"),
    ("a Mercado Livre access token", r"APP_USR-[\w-]{12,}"),
    ("a Mercado Livre refresh token", r"TG-[0-9a-f]{20,}-\d+|TG-[\w-]{20,}"),
    ("a GitHub token", r"gh[pousr]_\w{20,}|github_pat_\w{20,}"),
    ("a GitLab token", r"gl(?:pat|oas|dt|rt|cbt|ptt)-[\w-]{16,}"),
    ("a Slack token", r"xox[abeoprs](?:\.xox[bp])?-[\w-]{10,}|xapp-\d-[\w-]{10,}"),
    ("a Stripe key", r"[rs]k_(?:live|test)_\w{10,}"),
    ("a Vault token", r"hv[sbr]\.[\w-]{20,}|s\.[A-Za-z0-9]{24}"),
    ("an AWS key", r"(?:AKIA|ASIA)[A-Z0-9]{16}"),
    ("an Authorization header", r"(?i:bearer|basic) +[\w.~+/=-]{16,}"),
)
_ANY_KNOWN = re.compile("|".join(rf"(?<![A-Za-z0-9_])(?:{pattern})" for _, pattern in _KNOWN))
_MARKS = (
    *(
        "-----BEGIN",
        "eyJ",
        "ya29.",
        "1//0",
        "GOCSPX-",
        "AIza",
        "Q~",
        "M.C",
        "M.R",
        "0.A",
        "1.A",
        "APP_USR-",
        "TG-",
    ),
    *(
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "gloas-",
        "gldt-",
        "glrt-",
        "glcbt-",
        "glptt-",
    ),
    *("xox", "xapp-", "k_live_", "k_test_", "hvs.", "hvb.", "hvr.", "AKIA", "ASIA"),
)
_LIKE_A_TOKEN = str.maketrans(dict.fromkeys(f"{ascii_letters}{digits}_~+=-", "x"))
_LONG = "x" * 32
_SHORTER = re.compile(r"(?<![A-Za-z0-9_])s\.[A-Za-z0-9]{24}|(?i:bearer|basic) +\S{16}")


def may_hold_secret(text: str) -> bool:
    """A quick first look at many texts joined by line breaks: False means that none of them looks like a secret."""
    # Searches for words, and no generator: ten thousand documents pass here, and a pattern that may begin anywhere is slow.
    for mark in _MARKS:
        if mark in text:
            return True
    if _LONG in text.translate(_LIKE_A_TOKEN):
        return True
    folded = text.casefold()
    if "s." not in text and "bearer " not in folded and "basic " not in folded:
        return False
    return _SHORTER.search(text) is not None


def looks_secret(text: str, *, known_only: bool = False) -> str | None:
    """What `text` looks like (`a GitHub token`), or None. `known_only` is for fields that hold random ids by nature."""
    if len(text) < SHORTEST:
        return None
    if _ANY_KNOWN.search(text):
        return next((name for name, form in _KNOWN if re.search(rf"(?<![A-Za-z0-9_])(?:{form})", text)), None)
    if not known_only and any(_looks_random(token) for token in _TOKEN.findall(text)):
        return "a secret"
    return None


def _looks_random(token: str) -> bool:
    if token.islower() or token.isupper() or len(_TURNS.findall(token)) < _FEWEST_TURNS:
        return False
    if not any(c.isdigit() for c in token) or not any(c.isupper() for c in token):
        return False
    total = len(token)
    return -sum(n / total * log2(n / total) for n in Counter(token).values()) >= _BITS_A_CHARACTER
