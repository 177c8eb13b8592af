import uuid

import pytest

from notifications.delivery.receipts import apply_receipts
from notifications.models import Notification, Receipt, Suppression
from notifications.operations.suppressions import suppress
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status
PHONE = "+919812340003"


@pytest.mark.parametrize(
    ("phone", "reason"),
    [("+15005550004", "opted_out"), ("+15005550001", "unreachable"), ("+15005550009", "unreachable")],
)
def test_provider_error_about_the_recipient_suppresses_the_address(sandbox, phone, reason):
    make_notification(address=phone)

    deliver_all(0.4)

    assert list(Suppression.objects.values_list("channel", "address", "reason")) == [("sms", phone, reason)]


def test_receipt_about_an_unreachable_number_suppresses_it():
    notification = make_notification(status=Status.ACCEPTED, provider_id="SM1")
    Receipt.objects.create(
        notification=notification,
        attempt_id=uuid.uuid4(),
        provider_id="SM1",
        provider_status="undelivered",
        error_code="30006",
        fields={},
    )

    apply_receipts()

    assert Suppression.objects.get().reason == "unreachable"


def test_suppress_never_replaces_an_opt_out():
    for reason in ("opted_out", "unreachable"):
        suppress(channel="sms", address=PHONE, reason=Suppression.Reason(reason), source="test")

    assert Suppression.objects.get().reason == "opted_out"
