"""List the lines that use a replaced term of docs/glossary.md in its old sense; ``make words`` runs it.

ALLOWED exempts lines whose wording is correct: vendors' terms, names in the API and everyday uses. Each printed line
needs a person's judgement, so the exit code is always 0.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

TEXT_FILES = {".py", ".md", ".html", ".txt", ".toml", ".yml", ".yaml", ".example", ""}
SKIPPED = ("requirements", "LICENSE", "tools/words.py", "docs/glossary.md")

# The preferred term, and a pattern that matches what it replaces.
REPLACED = {
    "the subject instead of a pronoun": r"\b(whoever|whomever|whatever|somebody|someone|nobody|no one|anybody)\b",
    "'not a valid X' or 'unknown X'": r"(?<!there )\b(is|are|was) no (?!longer\b|more than\b)|\bnone of ours\b",
    "again": r"\banew\b",
    "no longer": r"\bno more\b(?! than)|\bany more\b",
    "immediately, or concurrently": r"\bat once\b",
    "automatically": r"\bby (itself|themselves)\b",
    "unknown": r"\bin doubt\b|\bdoubtful\b",
    "notify, response, value": r"\b(is|are|was|were|be|been) told\b|\btold(_|\b)",
    "a noun, such as the result": r"\bwhat (becomes|became|comes|came) of\b|\bthat which\b|\bwhat is owed\b",
    "notify, say": r"\btells?\b",
    "record, result": r"\blearn(s|t|ed)?\b",
    "customer": r"\b(guests?|payers?)\b",
    "a value name": r"(?<!be )(?<!is )\b(kept|asked)\b(?= =|:|,|\)|\")",
    "counter, window": r"(?<!docs/)\busages?\b",
    "unknown caller": r"\bstrangers?\b",
    "endpoint": r"\bdoors?\b",
    "purge, delete": r"\b(forget|forgets|forgot|forgotten)\b",
    "fix, repair": r"\bmend(s|ed|ing)?\b",
    "housekeeping": r"\bchores?\b|\btidy(ing)?\b",
    "interval, window": r"\bspans?\b(?!\W*(?:class|>|</?))|\bstretch(es)?\b",
    "expire": r"\blapse[sd]?\b|\bgives? up\b|\bgiven up\b",
    "refund": r"\b(pay|pays|paid|paying|give|gives|given|goes|go) back\b|\bgiving back\b",
    "desk payment": r"\bslips?\b",
    "void": r"\b(strike|strikes|struck)[ -]?out\b",
    "fault injection": r"\bmoods?\b|\bstrikes?\b",
    "simulate": r"\bplay(s|ed|ing)?\b",
    "discrepancy": r"\bfindings?\b",
    "needs review": r"\bhas to look\b|\bfits nothing\b|\bfit nothing\b",
    "status transition, reschedule": r"\bmov(e|es|ed|ing) (a |the |each |every |its |their )?(booking|visit)s?\b",
    "gateway state": r"\bfacts\b",
    "outcome": r"\bverdicts?\b",
    "attempt": r"\b(first|second|third|last|next|each|every|\d) (try|tries)\b",
    "rate control, backoff": r"\bpaces?\b|\bpaced\b",
    "backlog": r"\bwhat waits\b",
    "invariant": r"\bcheck_promises\b|\bpromises?\b",
    "DST transition": r"\bclocks? (leap|leaps|change|changes|go|goes|are changed)\b|\bclock change\b|\bon the wall\b",
    "input, booking request": r"\bwish(es)?\b|\bwished\b",
    "response, reply, decision": r"\b(answer|answers|answered|answering)\b",
    "conventional subject": r"\bthese eyes\b|\bthose who\b|\bwho(ever)? (calls|books|pays|asks)\b",
    "poll, check": r"\b(look|looks|looked|looking) (at|after|for)\b",
    "lane, or bookable start": r"\bdrain[_ -]slots?\b|\bslots? of (a|the) drain\b",
    "counter, rate limit": r"\bhow often\b",
}

# Exempt lines: a path prefix, and a pattern that the line matches.
ALLOWED: tuple[tuple[str, str], ...] = (
    (
        "",
        r"answer_by|answer_minutes|an_answer_is_about_a_booking|only_a_request_is_answered",
    ),  # names in the API and in the database
    (
        "",
        r"next_try_at|nobody_without_a_place|notification_in_doubt|money_goes_back_by_itself",
    ),  # names in the database
    ("", r'"pay_back"|"paid_back"|slips/'),  # values of a form, a CSV column and a URL
    ("", r"flake8-tidy"),  # a ruff rule set
    ("bookings/scheduling/availability.py", r"\bspan\b"),  # an alias in a query
    ("config/settings/", r"DRAIN_SLOTS"),  # a setting's former name, which still works
    ("CHANGELOG.md", r"check_promises|DRAIN_"),  # former names
    ("tests/config/test_settings.py", r"DRAIN_"),
    ("tests/journeys/test_upgrade.py", r"finding|sweep|dispatcher|bookings_usage"),  # tables of earlier versions
    ("sandbox/smtp.py", r"Try again later"),  # an SMTP reply
    ("", r"tells the caller|please tell us|provider cannot tell"),  # plain English
    ("", r"benchmarks\.usage|payer@example\.com"),  # CPU time and memory; an address in Razorpay's sample data
)


def main() -> None:
    """Print ``path:line: use …: text`` per match, and the number of matches."""
    count = 0
    for path, number, line in tracked_lines():
        for preferred, pattern in REPLACED.items():
            if re.search(pattern, split_names(line), re.IGNORECASE) and not is_allowed(path, line):
                print(f"{path}:{number}: use {preferred}: {line.strip()[:160]}")
                count += 1
    print(f"{count} lines to check. Reword each of them, or add it to ALLOWED if its wording is correct.")


def tracked_lines() -> Iterator[tuple[str, int, str]]:
    """Yield the path, number and text of every tracked line, except in SKIPPED files and migrations."""
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    for path in tracked:
        if Path(path).suffix in TEXT_FILES and "/migrations/" not in path and not path.startswith(SKIPPED):
            for number, line in enumerate(Path(path).read_text().splitlines(), start=1):
                yield path, number, line


def split_names(line: str) -> str:
    """Replace the underscores in names with spaces, so that a pattern finds ``paid_back`` too."""
    return re.sub(r"(?<=[a-z])_(?=[a-z])", " ", line)


def is_allowed(path: str, line: str) -> bool:
    return any(path.startswith(prefix) and re.search(pattern, line) for prefix, pattern in ALLOWED)


if __name__ == "__main__":
    main()
