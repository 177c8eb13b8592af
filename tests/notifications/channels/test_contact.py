"""A customer whom no channel reaches: a field error online, a warning at the front desk."""

import pytest

from bookings.models import Booking, Customer
from notifications.channels.contact import find_contact_errors
from notifications.models import Notification
from tests.builders.bookings import CUSTOMER, booking_request, make_booking, make_paid_service, make_service, slot

pytestmark = pytest.mark.django_db(transaction=True)

MOBILE, LANDLINE, JAMAICA = CUSTOMER["phone"], "+912223456789", "+18762101234"
LANDLINE_ERROR = (
    "We cannot send messages to this number. A landline cannot receive SMS. Enter a mobile number from IN (+91)."
)
COUNTRY_ERROR = (
    "We cannot send messages to this number. We do not send messages to phone numbers in this country (JM). "
    "Enter a mobile number from IN (+91)."
)


@pytest.fixture(params=["/bookings/", "/bookings/razorpay-booking"])
def book(request, api, sandbox):
    """Return a function that books online with a phone number."""
    service = make_paid_service() if request.param.endswith("razorpay-booking") else make_service()

    def post(phone, **options):
        body = booking_request(service, customer={**CUSTOMER, "phone": phone})
        return api.post(request.param, body, format="json", **options)

    return post


@pytest.mark.parametrize(
    ("channels_off", "phone", "error"),
    [
        (["whatsapp", "email"], LANDLINE, LANDLINE_ERROR),
        (["whatsapp", "email"], JAMAICA, COUNTRY_ERROR),
        (["email"], JAMAICA, COUNTRY_ERROR),
        (["sms", "email"], JAMAICA, COUNTRY_ERROR),
    ],
)
def test_booking_with_a_number_that_no_channel_reaches_is_a_field_error(settings, book, channels_off, phone, error):
    settings.CHANNELS_OFF = channels_off

    response = book(phone)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert response.json()["errors"] == [{"field": "customer.phone", "code": "unreachable", "detail": error}]
    assert (Booking.objects.count(), Customer.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("channels_off", "phone"),
    [
        ([], LANDLINE),
        ([], JAMAICA),  # e-mail reaches the customer
        (["sms", "whatsapp"], JAMAICA),
        (["email"], LANDLINE),  # the number may have WhatsApp
        (["whatsapp", "email"], MOBILE),
        (["sms", "whatsapp", "email"], LANDLINE),  # no messages at all: bookings still work
    ],
)
def test_booking_with_a_number_that_some_channel_may_reach_is_accepted(settings, book, channels_off, phone):
    settings.CHANNELS_OFF = channels_off

    assert book(phone).status_code == 201


def test_error_names_no_country_if_all_are_allowed(settings, book):
    settings.CHANNELS_OFF, settings.MESSAGE_COUNTRIES = ["whatsapp", "email"], ["*"]

    assert book(LANDLINE).json()["errors"][0]["detail"].endswith("cannot receive SMS. Enter a mobile number.")


def test_error_names_each_allowed_country(settings, book):
    settings.CHANNELS_OFF, settings.MESSAGE_COUNTRIES = ["whatsapp", "email"], ["IN", "JM", "US"]

    detail = book(LANDLINE).json()["errors"][0]["detail"]

    assert detail.endswith("Enter a mobile number from IN (+91), JM (+1) or US (+1).")


def test_error_offers_an_email_address_if_there_is_none(settings):
    settings.CHANNELS_OFF = ["whatsapp"]

    errors = find_contact_errors(Customer(name="Meera", phone=LANDLINE, email=""))

    assert errors == {"phone": LANDLINE_ERROR.replace("(+91).", "(+91) or an email address.")}


def test_replay_of_a_booking_does_not_judge_the_number_again(settings, book):
    first = book(LANDLINE, headers={"Idempotency-Key": "a-key-that-no-other-test-uses"})
    settings.CHANNELS_OFF = ["whatsapp", "email"]

    replay = book(LANDLINE, headers={"Idempotency-Key": "a-key-that-no-other-test-uses"})

    assert (first.status_code, replay.status_code, replay.content) == (201, 201, first.content)


@pytest.mark.parametrize(("phone", "is_warned"), [(LANDLINE, True), (MOBILE, False)])
def test_staff_may_book_for_a_customer_whom_no_channel_reaches_and_are_warned(settings, front_desk, phone, is_warned):
    settings.CHANNELS_OFF = ["whatsapp", "email"]
    form = {**CUSTOMER, "phone": phone, "service": make_service().pk, "party_size": 1}
    form |= {"starts_at": slot().strftime("%Y-%m-%dT%H:%M"), "key": "6f7c8f5e-0000-4000-8000-000000000001"}

    page = front_desk.post("/admin/bookings/booking/add/", form, follow=True).content.decode()

    assert Booking.objects.get().status == "confirmed"
    assert set(Notification.objects.values_list("channel", "status")) == {("sms", "skipped" if is_warned else "queued")}
    assert ("The customer gets no messages" in page, "A landline cannot receive SMS" in page) == (is_warned, is_warned)
    assert ("The customer will be notified" in page) == (not is_warned)


@pytest.mark.parametrize(("phone", "is_warned"), [(LANDLINE, True), (MOBILE, False)])
def test_staff_are_warned_if_no_channel_reaches_the_corrected_number(settings, front_desk, phone, is_warned):
    customer = make_booking().customer
    settings.CHANNELS_OFF = ["whatsapp", "email"]

    page = front_desk.post(
        f"/admin/bookings/customer/{customer.pk}/change/",
        {"name": customer.name, "phone": phone, "email": customer.email},
        follow=True,
    ).content.decode()

    customer.refresh_from_db()
    assert (customer.phone, "The customer gets no messages" in page) == (phone, is_warned)
