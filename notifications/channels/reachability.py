"""Who can be reached by phone: the type of a number and its country decide, before anything is sent."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from django.conf import settings
from phonenumbers import PhoneNumberType

ALL_COUNTRIES = "*"
NO_COUNTRY = "001"  # the region of satellite and other global numbers, such as +881

# The lines that cannot receive SMS. All others are tried: VoIP and personal numbers may lead to a mobile phone, and
# the numbers of some countries do not show their type.
LINES_WITHOUT_SMS = {
    PhoneNumberType.FIXED_LINE: "A landline",
    PhoneNumberType.TOLL_FREE: "A toll-free number",
    PhoneNumberType.PREMIUM_RATE: "A premium-rate number",
    PhoneNumberType.SHARED_COST: "A shared-cost number",
    PhoneNumberType.PAGER: "A pager",
    PhoneNumberType.UAN: "A company number",
    PhoneNumberType.VOICEMAIL: "A voicemail number",
}


class Line(NamedTuple):
    """What the digits of a phone number show.

    ``region``: its country (ISO 3166), NO_COUNTRY, or empty if it is unclear; ``line_type``: a PhoneNumberType.
    """

    country_code: int
    region: str
    line_type: int


def reason_without_sms(address: str) -> str:
    """Return why this number gets no SMS, or "" if it may receive one."""
    line = _line(address)
    if line is not None:
        if line.region == NO_COUNTRY:
            return f"A satellite or other global number (+{line.country_code}) cannot receive SMS."
        if line.line_type in LINES_WITHOUT_SMS:
            return f"{LINES_WITHOUT_SMS[line.line_type]} cannot receive SMS."
    return _reason_by_country(line)


def reason_without_whatsapp(address: str) -> str:
    """Return why this number gets no WhatsApp message, or "" if it may receive one: any type of number may have it."""
    return _reason_by_country(_line(address))


def _reason_by_country(line: Line | None) -> str:
    if line is None:
        return "The phone number is invalid."
    # Several countries may share a code. If the region of a number is unclear, each country of its code is possible.
    regions = [line.region] if line.region else phonenumbers.region_codes_for_country_code(line.country_code)
    if ALL_COUNTRIES in settings.MESSAGE_COUNTRIES or not set(settings.MESSAGE_COUNTRIES).isdisjoint(regions):
        return ""
    country = f"+{line.country_code}" if line.region in ("", NO_COUNTRY) else line.region
    return f"We do not send messages to phone numbers in this country ({country})."


@lru_cache(maxsize=1024)  # a booking asks about its customer's number for each channel of each message
def _line(address: str) -> Line | None:
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number) or ""
    return Line(number.country_code or 0, region, phonenumbers.number_type(number))
