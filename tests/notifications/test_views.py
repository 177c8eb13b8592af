import pytest
from django.test import Client

from notifications.models import Notification
from tests.factories import make_booking, make_notification, make_service, make_staff

pytestmark = pytest.mark.django_db

PAGE = "/notifications/"


@pytest.fixture
def manager():
    client = Client()
    client.force_login(make_staff("manager", group="Managers"))
    return client


def rows(answer):
    return [row.channel for row in answer.context["page"]]


def test_a_manager_sees_what_was_sent_to_whom(manager):
    make_booking()

    page = manager.get(PAGE)

    assert sorted(rows(page)) == ["email", "sms", "whatsapp"]
    assert "+919812340003" in page.content.decode()


def test_the_front_desk_may_not_read_messages():
    client = Client()
    client.force_login(make_staff())

    assert client.get(PAGE).status_code == 403


def test_a_stranger_is_asked_to_sign_in():
    answer = Client().get(PAGE)

    assert (answer.status_code, answer.url) == (302, "/admin/login/?next=/notifications/")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("channel=sms", ["sms"]),
        ("status=accepted", []),
        ("text=meera@example.com", ["email"]),
        ("since=24", ["email", "sms", "whatsapp"]),
        ("text=%00", []),
        ("channel=pigeon", []),
        ("page=junk", ["email", "sms", "whatsapp"]),
    ],
)
def test_filters_are_in_the_address_and_nonsense_is_no_error(manager, query, expected):
    make_booking()

    answer = manager.get(f"{PAGE}?{query}")

    assert (answer.status_code, sorted(rows(answer))) == (200, expected)


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_the_same_number_of_questions_for_any_number_of_rows(
    manager, django_assert_max_num_queries, count
):
    service = make_service(resources=count)
    for _ in range(count):
        make_booking(service)

    with django_assert_max_num_queries(8):
        manager.get(PAGE)


def test_an_uncertain_message_says_that_it_is_not_sent_again(manager):
    notification = make_notification(status=Notification.Status.UNKNOWN)

    page = manager.get(f"{PAGE}{notification.pk}").content.decode()

    assert "It may have been sent" in page


def test_what_customers_write_is_shown_as_text(manager):
    booking = make_booking(
        customer={"name": "<script>alert(1)</script>", "phone": "+919812340003", "email": "a@example.com"}
    )
    notification = Notification.objects.get(booking=booking, channel="whatsapp")

    for page in (PAGE, f"{PAGE}{notification.pk}"):
        assert "<script>alert(1)" not in manager.get(page).content.decode()
