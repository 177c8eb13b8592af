import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from bookings.operations import confirm_booking
from bookings.timeline import timeline
from notifications.models import Notification
from tests.builders.accounts import make_staff
from tests.builders.bookings import DESK, make_booking, make_service
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db

HISTORY, RESEND = "/notifications/", "/notifications/resend"
Status = Notification.Status


def page_of(notification):
    return f"{HISTORY}{notification.pk}"


def content_of(response):
    return " ".join(response.content.decode().split())


@pytest.fixture
def failed():
    """Three failed messages: two of them are current, one is outdated."""
    service = make_service(resources=3)
    rows = [make_notification(booking=make_booking(service), status=Status.FAILED) for _ in range(3)]
    confirm_booking(booking_id=rows[2].booking_id, actor=DESK)
    return rows


def test_message_page_resends_a_failed_message_and_links_both(manager):
    old = make_notification(status=Status.FAILED)
    is_offered = f'action="{page_of(old)}/resend"' in manager.get(page_of(old)).content.decode()

    response = manager.post(f"{page_of(old)}/resend", follow=True)

    new = Notification.objects.get(resend_of=old)
    assert is_offered
    assert response.redirect_chain == [(page_of(new), 302)]
    assert f'<a href="{page_of(old)}">the failed message</a>' in content_of(response)
    old_page = manager.get(page_of(old))
    assert f'<a href="{page_of(new)}">as a new message</a>, by staff manager' in content_of(old_page)
    assert [(entry.title, entry.link) for entry in old_page.context["timeline"]][-1] == ("Sent again", page_of(new))
    assert "Send again" not in content_of(old_page)


def test_message_page_says_why_an_outdated_message_cannot_be_resent(manager):
    old = make_notification(status=Status.FAILED)
    confirm_booking(booking_id=old.booking_id, actor=DESK)

    page = content_of(manager.get(page_of(old)))
    response = manager.post(f"{page_of(old)}/resend", follow=True)

    assert "did not arrive and cannot be sent again. A later change made it outdated." in page
    assert "<button" not in page.partition("cannot be sent again")[2].partition("</form>")[0]
    assert "This message was not sent again. A later change made it outdated." in content_of(response)
    assert not Notification.objects.exclude(resend_of=None).exists()


def test_booking_timeline_shows_both_messages(manager):
    old = make_notification(status=Status.FAILED)
    manager.post(f"{page_of(old)}/resend")

    links = {entry.link for entry in timeline(old.booking, lambda permission: True) if "sent again" in entry.detail}

    assert links == {page_of(Notification.objects.get(resend_of=old))}


def test_history_offers_failed_messages_for_selection(manager, failed):
    make_notification(booking=make_booking(make_service(slug="other")), status=Status.ACCEPTED, provider_id="SM1")

    content = manager.get(HISTORY).content.decode()

    offered = [row for row in Notification.objects.all() if f'name="notification" value="{row.pk}"' in content]
    assert sorted(row.pk for row in offered) == sorted(row.pk for row in failed)
    assert '<button class="button" form="resend">Resend selected</button>' in content


def test_selected_messages_are_confirmed_before_they_are_sent(manager, failed):
    selected = {"notification": [str(row.pk) for row in failed]}

    confirmation = manager.post(RESEND, selected)
    queued_before = Notification.objects.exclude(resend_of=None).count()
    response = manager.post(RESEND, {**selected, "confirmed": "1"}, follow=True)

    assert "2 messages can be sent again" in content_of(confirmation)
    assert "Cannot be sent again (1)" in content_of(confirmation)
    assert "A later change made it outdated." in content_of(confirmation)
    assert queued_before == 0
    assert set(Notification.objects.exclude(resend_of=None).values_list("resend_of", flat=True)) == {
        row.pk for row in failed[:2]
    }
    assert "2 messages are queued again." in content_of(response)
    assert "Not sent again: 1." in content_of(response)


def test_resend_returns_to_the_filtered_list(manager, failed):
    selected = {"notification": [str(row.pk) for row in failed], "query": "status=failed&text=a%26b"}

    confirmation = manager.post(RESEND, selected)
    response = manager.post(RESEND, {**selected, "confirmed": "1"})
    without_selection = manager.post(RESEND, {"query": selected["query"]})

    assert confirmation.context["query"] == selected["query"]
    assert (response["Location"], without_selection["Location"]) == (f"{HISTORY}?{selected['query']}",) * 2


def test_history_without_messages_to_resend_has_no_button(manager):
    make_notification(status=Status.ACCEPTED, provider_id="SM1")

    assert "Resend selected" not in manager.get(HISTORY).content.decode()


@pytest.mark.parametrize("selected", [[], ["junk"], ["00000000-0000-0000-0000-000000000001"]])
def test_resend_without_a_valid_selection_asks_for_one(manager, selected):
    response = manager.post(RESEND, {"notification": selected}, follow=True)

    assert "Please select at least one message." in response.content.decode()


def test_resend_is_forbidden_without_its_permission(failed):
    viewer = make_staff("viewer", group=None)
    viewer.user_permissions.add(Permission.objects.get(codename="view_notification"))
    client = Client()
    client.force_login(viewer)

    one = client.post(f"{page_of(failed[0])}/resend")
    many = client.post(RESEND, {"notification": [str(failed[0].pk)], "confirmed": "1"})

    assert (one.status_code, many.status_code) == (403, 403)
    assert not Notification.objects.exclude(resend_of=None).exists()
    assert "resend" not in client.get(HISTORY).content.decode()
    assert "Send again" not in client.get(page_of(failed[0])).content.decode()
