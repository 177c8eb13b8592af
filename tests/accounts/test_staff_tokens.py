"""Staff tokens and sessions end with a changed password, a lost role and deactivation, and stay ended."""

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import UpdateError
from django.db import transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.models import StaffSession, StaffToken
from accounts.operations import AccountChanged, create_staff_token
from accounts.sessions import SessionStore
from foundation.background_tasks import housekeeping
from tests.builders.accounts import make_staff
from tests.builders.callers import bearer_client
from tests.builders.clock import let_time_pass
from tests.builders.retention import purge
from tests.threads import is_waiting_for_lock, run_concurrently, wait_until

pytestmark = pytest.mark.django_db

PASSWORD_HASH = make_password("another-long-password")
CHANGES = {
    "password": lambda users: users.update(password=PASSWORD_HASH),
    "deactivation": lambda users: users.update(is_active=False),
    "no staff": lambda users: users.update(is_staff=False),
    "no superuser": lambda users: users.update(is_superuser=False),
    "lost group": lambda users: users.get().groups.clear(),
    "deleted group": lambda users: Group.objects.all().delete(),
    "other group": lambda users: User.groups.through.objects.update(group=Group.objects.get(name="Managers")),
}


def credentials(user):
    """Return an API client with a token, and a client with a session."""
    browser = Client()
    browser.force_login(user)
    return bearer_client(create_staff_token(user=user).token), browser


def are_valid(clients):
    api, browser = clients
    return api.delete("/auth/token").status_code != 401, browser.get("/admin/").status_code == 200


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_of_the_account_ends_its_tokens_and_sessions_for_good(change):
    user, other = make_staff("asha", is_superuser=True), make_staff("nila", group=None)
    clients, others = credentials(user), credentials(other)
    before = User.objects.filter(pk=user.pk).values("password", "is_active", "is_staff", "is_superuser").get()

    change(User.objects.filter(pk=user.pk))
    User.objects.filter(pk=user.pk).update(**before)

    assert are_valid(clients) == (False, False)
    assert are_valid(others) == (True, True)


def test_other_changes_of_the_account_end_nothing():
    user = make_staff("asha")
    clients = credentials(user)

    user.groups.add(Group.objects.get(name="Managers"))
    User.objects.filter(pk=user.pk).update(first_name="Asha", email="asha@example.com", is_superuser=True)

    assert are_valid(clients) == (True, True)


def test_token_is_stored_as_a_hash_with_the_time_of_its_use(api):
    token = create_staff_token(user=make_staff()).token

    bearer_client(token).get("/bookings/")

    row = StaffToken.objects.get()
    assert token not in str(vars(row))
    assert (row.last_used_at is not None, row.ended_at) == (True, None)


def test_token_is_not_created_for_an_account_that_changed_since_the_password_was_checked():
    stale = make_staff()
    User.objects.update(password=PASSWORD_HASH)

    with pytest.raises(AccountChanged):
        create_staff_token(user=stale)

    assert not StaffToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_password_change_waits_for_a_concurrent_sign_in_and_ends_its_token():
    user = make_staff(group=None)

    def sign_in():
        with transaction.atomic():
            create_staff_token(user=user)
            wait_until(is_waiting_for_lock)

    def change_password():
        wait_until(lambda: is_locked(user))
        User.objects.update(password=PASSWORD_HASH)

    assert run_concurrently([sign_in, change_password]) == []
    assert [row.ended_at is not None for row in StaffToken.objects.all()] == [True]


def is_locked(user):
    with transaction.atomic():
        return not User.objects.filter(pk=user.pk).select_for_update(skip_locked=True, no_key=True).exists()


def test_session_names_its_user_and_ends_when_they_sign_out(front_desk):
    session = StaffSession.objects.get()
    username, was_ended = session.user.username, session.ended_at

    front_desk.post("/admin/logout/")

    session.refresh_from_db()
    assert (username, was_ended, session.ended_at is not None, session.session_data) == ("Front desk", None, True, "")


def test_request_that_began_before_the_end_does_not_bring_the_session_back(front_desk):
    store = SessionStore(StaffSession.objects.get().session_key)
    store["changed"] = True
    StaffSession.objects.all().end()

    with pytest.raises(UpdateError):
        store.save()

    assert front_desk.get("/admin/").status_code == 302


def test_ended_session_with_its_data_is_not_valid(front_desk):
    StaffSession.objects.update(ended_at=Now())

    assert front_desk.get("/admin/").status_code == 302


@pytest.mark.parametrize(("minutes", "status"), [(29, 200), (31, 302)])
def test_session_ends_when_it_is_idle(front_desk, settings, minutes, status):
    settings.SESSION_IDLE_MINUTES = 30
    let_time_pass(timedelta(minutes=minutes))

    assert front_desk.get("/admin/").status_code == status


def test_used_session_ends_at_the_end_of_its_lifetime(front_desk, settings):
    settings.SESSION_IDLE_MINUTES, statuses = 30, []
    for _ in range(25):
        let_time_pass(timedelta(minutes=20))
        statuses.append(front_desk.get("/admin/").status_code)

    assert statuses == [200] * 23 + [302] * 2


def test_staff_who_change_their_password_stay_signed_in_here_and_nowhere_else():
    user = make_staff("asha")
    here, (api, elsewhere) = Client(), credentials(user)
    here.force_login(user)
    new = {"new_password1": "another-long-password", "new_password2": "another-long-password"}

    response = here.post("/admin/password_change/", {"old_password": "a-long-password", **new})

    assert response.status_code == 302
    assert here.get("/admin/").status_code == 200
    assert are_valid((api, elsewhere)) == (False, False)


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
def test_purges_delete_tokens_and_sessions_past_their_retention(front_desk, days, left):
    create_staff_token(user=User.objects.get())
    let_time_pass(timedelta(days=days, hours=11))

    purge(StaffToken)
    purge(StaffSession)

    assert (StaffToken.objects.count(), StaffSession.objects.count()) == (left, left)


def sign_in(client):
    return client.post("/admin/login/", {"username": "asha", "password": "a-long-password"})


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}], ids=["deactivated", "another password"])
def test_session_is_not_written_for_an_account_that_changed_since_the_password_was_checked(change):
    make_staff("asha")
    client = Client()

    user_logged_in.connect(receiver := lambda **kwargs: User.objects.update(**change))
    try:
        response = sign_in(client)
    finally:
        user_logged_in.disconnect(receiver)

    assert response.status_code == 400
    assert not StaffSession.objects.exclude(user=None).filter(ended_at=None).exists()


def test_new_password_of_another_user_does_not_extend_the_session():
    admin, other = make_staff("admin", is_superuser=True), make_staff("asha")
    client = Client()
    client.force_login(admin)
    StaffSession.objects.update(expire_date=Now() + timedelta(minutes=5))
    new = "rivers-run-downhill"

    client.post(
        f"/admin/auth/user/{other.pk}/password/",
        {"password1": new, "password2": new, "your_password": "a-long-password"},
    )

    other.refresh_from_db()
    assert other.check_password(new)
    assert StaffSession.objects.active().get(user=admin).expire_date < timezone.now() + timedelta(minutes=6)


def test_purge_blanks_the_data_of_sessions_that_are_no_longer_valid(front_desk, settings):
    StaffSession.objects.update(last_used_at=Now() - timedelta(days=1))
    here = Client()
    here.force_login(make_staff("asha"))

    housekeeping()

    assert [bool(row.session_data) for row in StaffSession.objects.order_by("created_at")] == [False, True]
