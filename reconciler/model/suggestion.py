"""What somebody may have meant who wrote a word that is not known. Never repeats a word that looks like a secret."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from reconciler.errors import clean
from reconciler.model.literal import looks_secret


def suggest(written: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or ''. Case and separators count for nothing, then likeness counts."""
    by_plain = {_plain(word): word for word in known}
    plain = _plain(written)
    if plain in by_plain:
        return f"did you mean '{by_plain[plain]}'?"
    close = get_close_matches(plain[:80], by_plain, n=1, cutoff=0.65)
    return f"did you mean '{by_plain[close[0]]}'?" if close else ""


def quoted(word: str) -> str:
    """`word` in quotes, fit to be shown; or words that say why it is not."""
    return "(something that looks like a secret)" if looks_secret(word) else f"'{clean(word, cap=80)}'"


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
