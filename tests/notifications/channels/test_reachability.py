"""Who can be reached, with the example numbers of every country that phonenumbers knows."""

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODES_FOR_NON_GEO_REGIONS, SUPPORTED_REGIONS, PhoneNumberFormat, PhoneNumberType

from notifications.channels import CHANNELS
from notifications.models import Channel, Notification
from tests.builders.bookings import CUSTOMER, make_booking

Types = PhoneNumberType
NO_SMS_TYPES = {
    Types.FIXED_LINE,
    Types.TOLL_FREE,
    Types.PREMIUM_RATE,
    Types.SHARED_COST,
    Types.PAGER,
    Types.UAN,
    Types.VOICEMAIL,
}

INDIA, INDIAN_LANDLINE = "+919812340003", "+912223456789"
JAMAICA, US, CANADA = "+18762101234", "+12015550123", "+15062345678"
RUSSIA, KAZAKHSTAN = "+79123456789", "+77710009998"
BRITAIN, JERSEY, GUERNSEY = "+447400123456", "+447797712345", "+447781123456"
SATELLITE = "+881612345678"


def reason(channel, address):
    return CHANNELS[Channel(channel)].unreachable_reason(address)


def e164(number):
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def example_numbers():
    """Yield each example number with its region and type; the type is the one that its digits show."""
    for region in sorted(SUPPORTED_REGIONS):
        for number_type in PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(region, number_type)
            if number is not None and phonenumbers.region_code_for_number(number) == region:
                yield region, phonenumbers.number_type(number), e164(number)


def test_sms_is_skipped_for_the_types_that_cannot_receive_it_and_tried_for_all_others(settings):
    settings.MESSAGE_COUNTRIES = ["*"]
    skipped, tried = set(), set()
    for _, number_type, number in example_numbers():
        (skipped if reason("sms", number) else tried).add(number_type)

    assert skipped == NO_SMS_TYPES
    assert tried == {Types.MOBILE, Types.FIXED_LINE_OR_MOBILE, Types.VOIP, Types.PERSONAL_NUMBER}


def test_whatsapp_is_tried_for_every_type_of_number(settings):
    settings.MESSAGE_COUNTRIES = ["*"]

    assert [number for _, _, number in example_numbers() if reason("whatsapp", number)] == []


@pytest.mark.parametrize("code", COUNTRY_CODES_FOR_NON_GEO_REGIONS)
def test_number_of_no_country_gets_no_sms_and_whatsapp_only_if_all_countries_are_allowed(settings, code):
    number = e164(phonenumbers.example_number_for_non_geo_entity(code))
    settings.MESSAGE_COUNTRIES = ["IN"]
    reasons = [reason("sms", number), reason("whatsapp", number)]
    settings.MESSAGE_COUNTRIES = ["*"]

    assert f"+{code}" in reasons[0]
    assert f"+{code}" in reasons[1]
    assert (bool(reason("sms", number)), reason("whatsapp", number)) == (True, "")


def test_only_the_numbers_of_an_allowed_country_are_reached_in_all_countries(settings):
    for region in ("IN", "US", "GB", "RU", "IT", "NO"):
        settings.MESSAGE_COUNTRIES = [region]
        reached = {home for home, _, number in example_numbers() if not reason("whatsapp", number)}

        assert reached == {region}


@pytest.mark.parametrize(
    ("countries", "reached", "skipped"),
    [
        (["US"], [US], [CANADA, JAMAICA, INDIA]),
        (["CA"], [CANADA], [US, JAMAICA]),
        (["US", "JM"], [US, JAMAICA], [CANADA]),
        (["RU"], [RUSSIA], [KAZAKHSTAN]),
        (["KZ"], [KAZAKHSTAN], [RUSSIA]),
        (["GB"], [BRITAIN], [JERSEY, GUERNSEY]),
        (["JE", "GG"], [JERSEY, GUERNSEY], [BRITAIN]),
        (["IN"], [INDIA], [US, BRITAIN, SATELLITE]),
    ],
)
def test_countries_that_share_a_code_are_distinguished(settings, countries, reached, skipped):
    settings.MESSAGE_COUNTRIES = countries

    assert [reason(channel, number) for channel in ("sms", "whatsapp") for number in reached] == [""] * 2 * len(reached)
    assert all(reason(channel, number) for channel in ("sms", "whatsapp") for number in skipped)


def test_number_whose_country_is_unclear_is_tried_if_its_code_belongs_to_an_allowed_country(settings):
    # Valid when it was stored; a newer numbering plan may no longer know it.
    unknown = "+447700900123"
    settings.MESSAGE_COUNTRIES = ["JE"]
    reasons = [reason("sms", unknown), reason("whatsapp", unknown)]
    settings.MESSAGE_COUNTRIES = ["IN"]

    assert reasons == ["", ""]
    assert reason("sms", unknown)


def test_invalid_phone_number_is_skipped():
    assert (reason("sms", "erased"), reason("whatsapp", "")) == (
        "The phone number is invalid.",
        "The phone number is invalid.",
    )


def test_email_is_tried_if_there_is_an_address():
    assert (reason("email", "meera@example.com"), reason("email", "")) == ("", "The customer has no email address.")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        (INDIA, {"sms": "queued", "whatsapp": "queued", "email": "queued"}),
        (INDIAN_LANDLINE, {"sms": "skipped", "whatsapp": "queued", "email": "queued"}),
        (JAMAICA, {"sms": "skipped", "whatsapp": "skipped", "email": "queued"}),
        (SATELLITE, {"sms": "skipped", "whatsapp": "skipped", "email": "queued"}),
    ],
)
def test_messages_of_a_booking_are_skipped_where_they_cannot_arrive(settings, phone, expected):
    settings.MESSAGE_COUNTRIES = ["IN"]

    make_booking(customer={**CUSTOMER, "phone": phone})

    rows = Notification.objects.all()
    assert {row.channel: row.status for row in rows} == expected
    assert {bool(row.error) for row in rows if row.status == "skipped"} <= {True}
    assert {row.error for row in rows if row.status == "queued"} == {""}


@pytest.mark.django_db
def test_skipped_message_states_its_reason(settings):
    settings.MESSAGE_COUNTRIES = ["IN"]
    make_booking(customer={**CUSTOMER, "phone": INDIAN_LANDLINE})
    assert Notification.objects.get(channel="sms").error == "A landline cannot receive SMS."
