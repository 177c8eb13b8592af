import pytest

from bookings.models import Booking, Customer
from tests.builders.bookings import make_booking, make_service, slot

pytestmark = pytest.mark.django_db

MEERA = {"name": "Meera Iyer", "phone": "+919812340077", "email": "Meera.Iyer@example.com"}
LI = {"name": "Li Wei", "phone": "+442071838750", "email": "li@example.org"}


@pytest.fixture
def bookings():
    """A booking of Meera and one of Li."""
    service = make_service()
    return [
        make_booking(service, customer=customer, starts_at=slot(hour=hour))
        for hour, customer in ((10, MEERA), (12, LI))
    ]


def names(rows):
    return [row.name for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "09812340077",
        "098123 40077",
        "+91 98123-40077",
        "00919812340077",
        "0091 98123 40077",
        "9812340077",
        "(98123) 40077",
        "+91 (0) 98123 40077",
        "98123.40077",
        "98123\u201140077",
        "\u202a+919812340077\u202c",
        "09812340077 meera",
        "0077",
        "2340",
        "98123",
        "09812",
        "+9198",
        "meera",
        "IYER",
        "eera",
        "Iyer Meera",
        "meera.iyer@example.com",
        "iyer@exam",
        "me",
        " Meera  Iyer ",
    ],
)
def test_customers_matching_finds_every_form_and_part(bookings, text):
    assert names(Customer.objects.matching(text)) == ["Meera Iyer"]


@pytest.mark.parametrize(
    "text", ["09812340078", "9999", "Meera Wei", "%", "_eera", "er", "", "  ", "x" * 500, "é", "'; --", "0000"]
)
def test_customers_matching_finds_no_other(bookings, text):
    assert names(Customer.objects.matching(text)) == []


def test_customers_matching_a_short_name(bookings):
    assert names(Customer.objects.matching("li")) == ["Li Wei"]


def test_customers_matching_a_foreign_number_without_its_plus(bookings):
    assert names(Customer.objects.matching("0044 20 7183 8750")) == ["Li Wei"]


def test_customers_matching_is_limited_to_the_newest(bookings, monkeypatch):
    monkeypatch.setattr("bookings.models.customer.MAX_MATCHES", 1)

    assert names(Customer.objects.matching("example")) == ["Li Wei"]


@pytest.mark.parametrize("form", ["{}", "{:.6}", "BK-{}", "bk-{}", "BK{}", "BK-{:.3}", " {} "])
def test_bookings_matching_finds_a_reference_in_every_form(bookings, form):
    Booking.objects.filter(pk=bookings[0].pk).update(reference="BK-AC3DEFH")
    Booking.objects.filter(pk=bookings[1].pk).update(reference="BK-HFED3CA")

    for text in (form.format("AC3DEFH"), form.format("AC3DEFH").lower()):
        assert list(Booking.objects.matching(text)) == [bookings[0]]


def test_bookings_matching_does_not_find_the_end_of_a_reference(bookings):
    Booking.objects.filter(pk=bookings[0].pk).update(reference="BK-AC3DEFH")

    assert list(Booking.objects.matching("DEFH")) == []


def test_bookings_matching_finds_those_of_matching_customers(bookings):
    assert list(Booking.objects.matching("098123 40077")) == [bookings[0]]


def test_changed_contact_details_are_found(bookings):
    Customer.objects.filter(name="Meera Iyer").update(phone="+919812349999", name="Meera Nair")

    assert names(Customer.objects.matching("9812349999")) == ["Meera Nair"]
    assert names(Customer.objects.matching("Iyer")) == ["Meera Nair"]  # still in the e-mail address
    assert names(Customer.objects.matching("0077")) == []
