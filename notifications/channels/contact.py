"""Check that at least one channel reaches a customer."""

from __future__ import annotations

import phonenumbers
from django.conf import settings
from django.utils.text import get_text_list

from bookings.models import Customer
from notifications.channels import channels_in_use
from notifications.channels.reachability import ALL_COUNTRIES
from notifications.models import Channel

MAX_COUNTRIES = 8  # more would make the text too long to help


def find_contact_errors(customer: Customer) -> dict[str, str]:
    """Return why no channel in use reaches the customer and what to do, by field; empty if one may, or if none is used.

    It registers with ``bookings.operations.add_contact_check``.
    """
    channels = channels_in_use()
    reasons = [spec.unreachable_reason(spec.address_of(customer)) for spec in channels.values()]
    if not channels or "" in reasons:
        return {}
    if set(channels) == {Channel.EMAIL}:
        return {"email": f"{reasons[0]} Enter one."}
    alternative = " or an email address" if Channel.EMAIL in channels else ""
    advice = f"Enter a mobile number{_from_countries()}{alternative}."
    return {"phone": f"We cannot send messages to this number. {reasons[0]} {advice}"}


def _from_countries() -> str:
    countries = settings.MESSAGE_COUNTRIES
    if ALL_COUNTRIES in countries or len(countries) > MAX_COUNTRIES:
        return ""
    names = [f"{country} (+{phonenumbers.country_code_for_region(country)})" for country in countries]
    return f" from {get_text_list(names, 'or')}"
