"""Normalize phone numbers to E.164."""

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError


def parse_phone_number(text: str) -> str | None:
    """Return the number in E.164, or None if it is not valid. Without a country code, PHONE_REGION is assumed."""
    try:
        number = phonenumbers.parse(text, settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normalize_phone_number(text: str) -> str:
    """Return the number in E.164. Without a country code, PHONE_REGION is assumed. Raises ValidationError."""
    number = parse_phone_number(text)
    if number is None:
        raise ValidationError(
            "Enter a valid phone number, including the country code, such as +91 98123 40003.", code="invalid"
        )
    return number
