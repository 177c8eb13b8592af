"""Texts that are hard to send, and what is read from received mails."""

from __future__ import annotations

import re
from collections.abc import Iterable

MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^@>]+)@", re.IGNORECASE | re.MULTILINE)
SUBJECT = "Ærø, 日本: " + "x" * 150
FROM = '"Zoë, Café Köln" <bookings@example.com>'
BODIES = {
    "short": "Hello",
    "empty": "",
    "long lines": "\n".join(["word " * 400, "x" * 3000, "日本" * 600]),
    "non-ASCII": "Zoë Ærø 日本 नमस्ते 🎉",
    "dots at line starts": ".\n..\n.hidden\n\n.",
    "trailing blanks": "blanks   \ntab\t\n \n\n\n  ",
    "signature separator": "Hello\n-- \nThe clinic\nFrom the team\n>From here",
    "line ends": "CRLF\r\nCR\rform feed\fvertical tab\vLF\n",
    "equals signs": "=\n=20\n==\n= \nhttps://example.com/?a=b&c=d",
}


def ids_of(mails: Iterable[bytes]) -> list[str]:
    """Return the notification id in each mail's Message-ID, sorted."""
    return sorted(found[1].decode() for mail in mails if (found := MESSAGE_ID.search(mail)))
