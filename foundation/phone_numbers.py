"""Normalize phone numbers to E.164."""

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError


def normalize_phone_number(text: str) -> str:
    """Return the number in E.164. Without a country code, PHONE_REGION is assumed. Raises ValidationError."""
    try:
        number = phonenumbers.parse(text, settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ValidationError(
            "Enter a valid phone number, including the country code, such as +91 98123 40003.", code="invalid"
        )
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
