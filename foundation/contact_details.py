"""Detect contact details in a text: what a phone or a mail program may show as a link."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from publicsuffixlist import PublicSuffixList

SEPARATORS = re.compile(r"[^\w.\-\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff]+")  # scripts whose vowel signs are not in \w
PHONE_NUMBER = re.compile(r"(?:\d[\W_]*){5,}")  # also a code that passes for one from the business
IP_ADDRESS = re.compile(r"\d+(?:\.\d+){3}")


def contains_contact_details(text: str) -> bool:
    """Return whether the text contains a URL, a domain name, an e-mail address, a phone number or an IP address.

    Initials before a name, as in "S.Ramesh", are not a domain name: "ramesh" is not a top-level domain.
    """
    text = unicodedata.normalize("NFKC", text).replace("。", ".").lower()  # IDNA reads the ideographic stop as a dot
    if "@" in text or "://" in text or PHONE_NUMBER.search(text) or IP_ADDRESS.search(text):
        return True
    words = (word.strip(".-") for word in SEPARATORS.split(text))
    return any(_public_suffixes().privatesuffix(word) is not None for word in words if "." in word)


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
