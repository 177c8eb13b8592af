"""Names and free text that people enter: one rule for the API, the admin, webhooks and settings.

Names are shown in messages and lists, so what cannot be seen must not make two names differ, or reverse the text around
them. Both kinds of text are normalized to NFC (UAX #15), in which their length is counted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from django.core.exceptions import ValidationError

# Embeddings, overrides and isolates change the direction of the text that follows them (UAX #9, 2).
BIDI_CONTROLS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
# Letters and symbols without a glyph: the fillers of Hangul, and the blank Braille pattern.
BLANK_CHARACTERS = set("\u115f\u1160\u3164\uffa0\u2800")
# Format characters that have a glyph, such as the Arabic number sign.
VISIBLE_FORMATS = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
# Indic scripts and Persian need the joiners, also at the end of a word, as do emoji.
JOINERS = {"\u200c", "\u200d"}
JOINABLE = {"Lo", "Mn", "Mc", "So", "Sk"}


def normalize_name(text: str) -> str:
    """Return the name in NFC, with single spaces, and without invisible characters that it does not need.

    Raises ValidationError for control characters, line breaks and characters that change the text direction, and for
    a name in which nothing is visible.
    """
    text = text.strip()
    refused = [character for character in text if _is_control(character) or character in BIDI_CONTROLS]
    if refused:
        codes = ", ".join(sorted({f"U+{ord(character):04X}" for character in refused}))
        raise ValidationError(f"Enter the name on one line, without control characters ({codes}).", code="invalid")
    name = " ".join(unicodedata.normalize("NFC", "".join(_without_invisible(text))).split())
    if not any(map(_is_visible, name)):
        raise ValidationError("Enter a name with at least one visible character.", code="invalid")
    return name


def clean_text(text: str) -> str:
    """Return free text in NFC, without control and invisible characters. Lines and tabs stay."""
    lines = "\n".join(text.splitlines())
    allowed = (
        character for character in _without_invisible(lines) if character in "\n\t" or not _is_control(character)
    )
    return unicodedata.normalize("NFC", "".join(allowed)).strip()


def clean_line(text: str) -> str:
    """Return free text, as clean_text does, on one line with single spaces."""
    return " ".join(clean_text(text).split())


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")  # a lone surrogate cannot be stored


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNPS" and character not in BLANK_CHARACTERS


def _without_invisible(text: str) -> Iterator[str]:
    """Yield the characters, without format characters that have no glyph. Joiners stay where a script needs them."""
    previous = ""
    for character in text:
        if character in JOINERS:
            is_kept = bool(previous) and unicodedata.category(previous) in JOINABLE
        else:
            is_kept = unicodedata.category(character) != "Cf" or character in VISIBLE_FORMATS
        if is_kept:
            previous = character
            yield character
