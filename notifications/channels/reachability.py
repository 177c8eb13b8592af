"""Who can be reached by phone: the type of a number and its country decide, before anything is sent."""

from __future__ import annotations

import phonenumbers
from django.conf import settings
from phonenumbers import PhoneNumber, PhoneNumberType

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


def reason_without_sms(address: str) -> str:
    """Return why this number gets no SMS, or "" if it is worth a try."""
    number = _parse(address)
    if number is not None:
        if _region(number) == NO_COUNTRY:
            return f"A satellite or other global number (+{number.country_code}) cannot receive SMS."
        if line := LINES_WITHOUT_SMS.get(phonenumbers.number_type(number)):
            return f"{line} cannot receive SMS."
    return _reason_by_country(number)


def reason_without_whatsapp(address: str) -> str:
    """Return why this number gets no WhatsApp message, or "" if it is worth a try: any type of number may have it."""
    return _reason_by_country(_parse(address))


def _parse(address: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return None


def _reason_by_country(number: PhoneNumber | None) -> str:
    if number is None:
        return "The phone number is invalid."
    allowed, region = settings.MESSAGE_COUNTRIES, _region(number)
    # Several countries may share a code. If the region of a number is unclear, each country of its code is possible.
    regions = [region] if region else phonenumbers.region_codes_for_country_code(number.country_code or 0)
    if ALL_COUNTRIES in allowed or not set(allowed).isdisjoint(regions):
        return ""
    country = f"+{number.country_code}" if region in (None, NO_COUNTRY) else region
    return f"Messages to phone numbers of this country ({country}) are switched off."


def _region(number: PhoneNumber) -> str | None:
    """Return the country (ISO 3166) of the number, NO_COUNTRY, or None if it is unclear."""
    region: str | None = phonenumbers.region_code_for_number(number)
    return region
