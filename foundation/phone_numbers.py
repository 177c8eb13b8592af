"""Phone numbers as people write them, and as they are dialled."""

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError


def normalize_phone_number(text: str) -> str:
    """Return the number in E.164; one without a country code is of PHONE_REGION. Raises Django's ValidationError."""
    try:
        number = phonenumbers.parse(text, settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ValidationError(
            "That is no phone number that can be reached. Give it with its country code, like +91 98123 40003.",
            code="invalid",
        )
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
