"""Search: customers by any part of a name, phone number or e-mail address; bookings also by their reference.

The index holds the trigrams of each customer's text, so that a part of it is found without reading every customer.
PostgreSQL's own trigram index needs an extension.
"""

from __future__ import annotations

import re
import unicodedata

from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, Q, TextField, Value
from django.db.models.functions import Lower

from foundation.phone_numbers import parse_phone_number
from foundation.texts import clean_line

TRIGRAM = 3
MIN_DIGITS = 4  # shorter parts of a phone number are in too many of them
MAX_WORDS = 8
INDEXED_CHARACTERS = 12  # of each word: they select few enough customers, and every trigram costs a lookup
MAX_MATCHES = 500  # bookings or customers, the newest ones: a text that finds more does not say which one is meant

# A number that is copied from elsewhere may contain invisible characters and other hyphens.
PLAIN_CHARACTERS = {"Cf": "", "Pd": "-"}
NUMBER = re.compile(r"[\d\s()+./-]+")
REFERENCE = re.compile(r"(?:BK-?)?([A-Z0-9]{1,7})")


class SearchText(Func):
    """The columns in which parts of a text are found, in lower case; a space precedes each word."""

    template = "LOWER(' ' || %(expressions)s)"
    arg_joiner = " || ' ' || "
    output_field = TextField()


class Trigrams(Func):
    """The trigrams of a text. A migration defines the function."""

    function = "bookings_trigrams"
    output_field = ArrayField(TextField())


CUSTOMER_TEXT = SearchText("name", "phone", "email")


def contains_text(text: str, *, with_trigrams: bool = False) -> Q:
    """Return the condition on the alias ``search_text`` that it matches ``text``; ``with_trigrams`` uses their index.

    A phone number matches in any common form, or a part of it with at least four digits. Otherwise, all words must
    occur.
    """
    condition = Q()
    for alternatives in _split(text):
        condition &= _contains_any(alternatives, with_trigrams=with_trigrams)
    return condition or Q(pk=None)


def reference_prefix(text: str) -> str | None:
    """Return the first characters of a reference, with or without its prefix and in any case, as they are stored."""
    match = REFERENCE.fullmatch(text.strip().upper())
    return f"BK-{match[1]}" if match else None


def _split(text: str) -> list[list[str]]:
    """Return what must occur: for each word, its alternative forms. A text may also be one number with blanks in it."""
    text = clean_line(text)  # as names are stored
    if forms := _number_forms(text):
        return [forms]
    return [_number_forms(word) or [word] for word in text.split()[:MAX_WORDS]]


def _number_forms(text: str) -> list[str]:
    """Return the forms of a phone number, or nothing: as typed, without the trunk prefix, and in E.164."""
    number = "".join(PLAIN_CHARACTERS.get(unicodedata.category(character), character) for character in text).strip()
    digits = re.sub(r"\D", "", number)
    if not NUMBER.fullmatch(number):
        return []
    forms = {digits, digits.lstrip("0"), parse_phone_number(number) or ""}
    return sorted(form for form in forms if len(form) >= MIN_DIGITS)


def _contains_any(parts: list[str], *, with_trigrams: bool) -> Q:
    condition = Q()
    for part in parts:
        # A part that is shorter than a trigram must begin a word.
        padded = part if len(part) >= TRIGRAM else f" {part}"
        is_contained = Q(search_text__contains=Lower(Value(padded)))
        if with_trigrams:
            is_contained &= Q(trigrams__contains=Trigrams(Lower(Value(padded[:INDEXED_CHARACTERS]))))
        condition |= is_contained
    return condition
