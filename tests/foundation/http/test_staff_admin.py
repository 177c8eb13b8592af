from datetime import datetime, time, timedelta
from threading import Event

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from bookings.models import Category, Customer, Location, Resource, ScheduleException, Service, WorkingHours
from foundation.http.read_only_admin import ReadOnlyAdmin
from foundation.http.staff_admin import IN_USE, LOST_RACE, StaffAdmin
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, make_service
from tests.builders.html_forms import read_form
from tests.threads import is_waiting_for_lock, run_concurrently, wait_until

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "rivers-run-downhill"


@pytest.fixture
def superuser():
    client = Client()
    client.force_login(make_staff("root", group=None, is_superuser=True))
    return client


def change_page(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def errors(response):
    """Return the errors of the whole form; none after a successful save."""
    return list(response.context["adminform"].form.non_field_errors()) if response.context else []


def test_every_editable_model_refuses_stale_forms():
    editable = {model: page for model, page in admin.site._registry.items() if not isinstance(page, ReadOnlyAdmin)}

    assert set(editable) == {Category, Customer, Group, Location, Resource, ScheduleException, Service, User}
    assert all(isinstance(page, StaffAdmin) and not page.list_editable for page in editable.values())


def make_rows():
    service = make_service(description="Bring your\nreports.")
    starts_at = datetime(2031, 12, 25, tzinfo=service.location.zone)
    holiday = ScheduleException.objects.create(
        location=service.location, starts_at=starts_at, ends_at=starts_at + timedelta(days=1)
    )
    group = Group.objects.get(name="Managers")
    category = Category.objects.create(name="Physio")
    customer = Customer.objects.create(**CUSTOMER)
    resource = service.resources.get()
    return [service, service.location, holiday, group, category, customer, resource, User.objects.get()]


def test_unchanged_form_saves_without_a_conflict(superuser):
    for row in make_rows():
        page = superuser.get(change_page(row))

        response = superuser.post(change_page(row), read_form(page))

        assert (response.status_code, errors(response)) == (302, []), row


@pytest.mark.parametrize(
    ("model", "field", "stored"),
    [
        (Service, "price_minor", 120_000),
        (Service, "requires_confirmation", False),
        (Service, "reminder_minutes", [60]),
        (Service, "category_id", None),
        (Location, "timezone", "Asia/Dubai"),
        (ScheduleException, "starts_at", datetime.fromisoformat("2031-12-25T06:00+05:30")),
        (Category, "name", "Yoga"),
        (Customer, "email", "meera.iyer@example.com"),
        (Resource, "is_active", False),
        (User, "is_active", False),
    ],
)
def test_stale_form_keeps_the_newer_value(superuser, model, field, stored):
    make_rows()
    Service.objects.update(category=Category.objects.get())
    row = model.objects.first() if model is not User else make_staff("other")
    sent = read_form(superuser.get(change_page(row)))
    model.objects.filter(pk=row.pk).update(**{field: stored})

    refused = superuser.post(change_page(row), sent)
    value_after_refusal = getattr(model.objects.get(pk=row.pk), field)
    saved = superuser.post(change_page(row), read_form(refused))

    introduction, difference = errors(refused)
    assert introduction.startswith("This page was changed while you were editing it.")
    assert "it was “" in difference
    assert difference.endswith("is stored.")
    assert value_after_refusal == stored
    assert (saved.status_code, getattr(model.objects.get(pk=row.pk), field)) == (302, stored)


def test_conflict_names_both_values_and_saving_again_applies_the_entered_ones(superuser):
    service = make_service(price_minor=100_000)
    sent = read_form(superuser.get(change_page(service)))
    Service.objects.update(price_minor=120_000, duration_minutes=45)

    refused = superuser.post(change_page(service), {**sent, "price_minor": "1100", "description": "New text"})
    stored = Service.objects.get()
    superuser.post(change_page(service), read_form(refused))

    service.refresh_from_db()
    assert errors(refused)[1:] == [
        "Duration minutes: it was “30”, and now “45” is stored.",
        "Price (INR): you entered “1100”, and now “1200.00” is stored.",
    ]
    assert (stored.price_minor, stored.description) == (120_000, "")
    assert (service.price_minor, service.description, service.duration_minutes) == (110_000, "New text", 45)


def test_equal_changes_do_not_conflict(superuser):
    service = make_service()
    sent = read_form(superuser.get(change_page(service)))
    Service.objects.update(price_minor=120_000)

    response = superuser.post(change_page(service), {**sent, "price_minor": "1200.00", "name": "Visit"})

    assert (response.status_code, Service.objects.get().name) == (302, "Visit")


def test_choices_are_shown_by_their_labels(superuser):
    service = make_service()
    resource = service.resources.get()
    other = make_service(slug="physio", resources=0)
    sent = read_form(superuser.get(change_page(resource)))
    resource.services.add(other)
    Resource.objects.update(kind="room")

    refused = superuser.post(change_page(resource), {**sent, "services": []})

    assert errors(refused)[1:] == [
        "Kind: it was “Staff”, and now “Room” is stored.",
        "Services: you entered “empty”, and now “Consultation, Physio” is stored.",
    ]


def hours_of(resource):
    return sorted(resource.working_hours.values_list("weekday", "opens_at", "closes_at"))


def test_stale_rows_are_merged_with_those_that_are_stored(superuser):
    service = make_service()
    resource = service.resources.get()
    rows = list(resource.working_hours.order_by("weekday"))
    sent = read_form(superuser.get(change_page(resource)))
    WorkingHours.objects.filter(pk=rows[0].pk).update(opens_at=time(8))
    WorkingHours.objects.filter(pk__in=[rows[1].pk, rows[2].pk]).delete()
    WorkingHours.objects.create(
        resource=resource, location=service.location, weekday=6, opens_at=time(19), closes_at=time(21)
    )
    numbers = {sent[f"working_hours-{number}-id"][0]: number for number in range(7)}
    changed = {f"working_hours-{numbers[str(rows[2].pk)]}-opens_at": ["10:00:00"], "name": ["Dr. Rao"]}

    refused = superuser.post(change_page(resource), {**sent, **changed})
    hours_after_refusal = len(hours_of(resource))
    saved = superuser.post(change_page(resource), read_form(refused))

    assert errors(refused)[1:] == [
        "Lotus Clinic, Monday, 09:00, 18:00 – Opens at: it was “09:00”, and now “08:00” is stored.",
        "Lotus Clinic, Tuesday, 09:00, 18:00 has been removed.",
        "Lotus Clinic, Wednesday, 09:00, 18:00 has been removed. Saving adds it again, with your changes.",
        "Lotus Clinic, Sunday, 19:00, 21:00 has been added.",
    ]
    assert (hours_after_refusal, saved.status_code) == (6, 302)
    assert hours_of(resource) == [
        (0, time(8), time(18)),
        (2, time(10), time(18)),
        *((day, time(9), time(18)) for day in (3, 4, 5, 6)),
        (6, time(19), time(21)),
    ]


def test_row_that_both_delete_does_not_conflict(superuser):
    resource = make_service().resources.get()
    sent = read_form(superuser.get(change_page(resource)))
    WorkingHours.objects.filter(pk=sent["working_hours-0-id"][0]).delete()

    response = superuser.post(change_page(resource), {**sent, "working_hours-0-DELETE": ["on"]})

    assert (response.status_code, len(hours_of(resource))) == (302, 6)


def test_other_errors_of_the_form_keep_the_check(superuser):
    service = make_service()
    sent = read_form(superuser.get(change_page(service)))

    invalid = superuser.post(change_page(service), {**sent, "name": ""})
    Service.objects.update(price_minor=120_000)
    refused = superuser.post(change_page(service), {**read_form(invalid), "name": "Visit"})

    assert "name" in invalid.context["adminform"].form.errors
    assert errors(refused)[1:] == ["Price (INR): it was “500.00”, and now “1200.00” is stored."]


@pytest.mark.parametrize("token", ["", "forged:token"])
def test_form_without_a_valid_token_is_not_compared(superuser, token):
    service = make_service()
    sent = read_form(superuser.get(change_page(service)))
    Service.objects.update(price_minor=120_000)

    response = superuser.post(change_page(service), {**sent, "shown_values": token})

    assert (response.status_code, Service.objects.get().price_minor) == (302, 50_000)


def test_page_that_may_only_be_viewed_has_no_token():
    client = Client()
    user = make_staff(group=None)
    user.user_permissions.add(Permission.objects.get(codename="view_service"))
    client.force_login(user)
    service = make_service()

    page = client.get(change_page(service))

    assert (page.status_code, "shown_values" in page.content.decode()) == (200, False)


def send_while_uncommitted(change, send):
    """Call ``send`` while ``change`` is uncommitted, which is committed once ``send`` waits for it."""
    is_changed = Event()

    def commit_late():
        with transaction.atomic():
            change()
            connection.check_constraints()  # locks the rows that it refers to
            is_changed.set()
            wait_until(is_waiting_for_lock)

    def send_then():
        is_changed.wait(15)
        send()

    assert run_concurrently([commit_late, send_then]) == []


@pytest.mark.django_db(transaction=True)
def test_second_of_two_concurrent_saves_is_refused(superuser):
    service, responses = make_service(), []
    sent = read_form(superuser.get(change_page(service)))

    send_while_uncommitted(
        lambda: Service.objects.update(price_minor=120_000),
        lambda: responses.append(superuser.post(change_page(service), {**sent, "description": "New text"})),
    )

    assert errors(responses[0])[1:] == ["Price (INR): it was “500.00”, and now “1200.00” is stored."]
    assert Service.objects.get().price_minor == 120_000


@pytest.mark.django_db(transaction=True)
def test_concurrent_rows_with_one_name_are_a_form_error(superuser):
    responses = []

    send_while_uncommitted(
        lambda: Category.objects.create(name="Yoga"),
        lambda: responses.append(superuser.post(reverse("admin:bookings_category_add"), {"name": "Yoga"})),
    )

    assert (responses[0].status_code, errors(responses[0])) == (200, [LOST_RACE])
    assert Category.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_lost_race_shows_the_message_of_the_constraint(superuser):
    Customer.objects.create(**CUSTOMER)
    other = Customer.objects.create(**{**CUSTOMER, "name": "Ravi"})
    sent, responses = read_form(superuser.get(change_page(other))), []

    send_while_uncommitted(
        lambda: Customer.objects.create(**{**CUSTOMER, "name": "Asha"}),
        lambda: responses.append(superuser.post(change_page(other), {**sent, "name": "Asha"})),
    )

    message = "Another customer has the same name, phone number and e-mail address."
    assert (responses[0].status_code, set(errors(responses[0]))) == (200, {message})
    assert [str(message) for message in responses[0].context["messages"]] == []


@pytest.mark.django_db(transaction=True)
def test_value_that_is_deleted_concurrently_is_a_form_error(superuser):
    service, category = make_service(), Category.objects.create(name="Yoga")
    sent, responses = read_form(superuser.get(change_page(service))), []

    send_while_uncommitted(
        lambda: Category.objects.all().delete(),
        lambda: responses.append(superuser.post(change_page(service), {**sent, "category": str(category.pk)})),
    )

    assert (responses[0].status_code, errors(responses[0])) == (200, [LOST_RACE])
    assert [str(message) for message in responses[0].context["messages"]] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["delete", "list"])
def test_row_that_comes_into_use_concurrently_is_not_deleted(superuser, path):
    service = make_service(resources=0)
    empty, responses = Location.objects.create(name="Empty"), []
    listing = reverse("admin:bookings_location_changelist")
    bulk = {"action": "delete_selected", "_selected_action": [empty.pk], "post": "yes"}
    single = (reverse("admin:bookings_location_delete", args=[empty.pk]), {"post": "yes"})
    url, sent = single if path == "delete" else (listing, bulk)

    send_while_uncommitted(
        lambda: Service.objects.filter(pk=service.pk).update(location=empty),
        lambda: responses.append(superuser.post(url, sent, follow=True)),
    )

    assert [str(message) for message in responses[0].context["messages"]] == [IN_USE]
    assert Location.objects.filter(pk=empty.pk).exists()


def last_change():
    return LogEntry.objects.latest("pk").get_change_message()


def test_history_keeps_the_old_and_the_new_value(superuser):
    service = make_service()
    form = read_form(superuser.get(change_page(service)))

    superuser.post(change_page(service), {**form, "price_minor": "650", "requires_confirmation": []})

    assert last_change() == "Changed Price (INR) (“500.00” → “650.00”) and Requires confirmation (“yes” → “no”)."


def test_history_keeps_added_and_removed_choices(superuser):
    resource = make_service().resources.get()
    other = make_service(slug="physio", resources=0)
    form = read_form(superuser.get(change_page(resource)))

    superuser.post(change_page(resource), {**form, "services": [str(other.pk)]})

    assert last_change() == "Changed Services (added: Physio; removed: Consultation)."


def test_history_keeps_the_old_and_the_new_value_of_rows(superuser):
    resource = make_service().resources.get()
    form = read_form(superuser.get(change_page(resource)))
    number = next(number for number in range(7) if form[f"working_hours-{number}-weekday"] == ["1"])

    superuser.post(change_page(resource), {**form, f"working_hours-{number}-opens_at": ["08:30"]})

    assert "Opens at (“09:00” → “08:30”)" in last_change()


def test_history_keeps_no_password(superuser):
    user = make_staff("asha")
    path = reverse("admin:auth_user_password_change", args=[user.pk])

    superuser.post(path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "your_password": "a-long-password"})

    assert last_change() == "Changed password."
