from urllib.parse import urlsplit

import pytest
from django.http import QueryDict
from django.test import Client

pytestmark = pytest.mark.django_db

RESEND = "/notifications/resend"
LIST = "/notifications/?status=failed"


@pytest.mark.parametrize(
    ("referrer", "next_page"),
    [
        (f"http://testserver{LIST}", LIST),
        ("https://example.com/", "/admin/"),
        ("http://testserver//example.com/", "/admin/"),
        ("http://[", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_form_sent_after_the_session_has_ended_returns_to_its_page(referrer, next_page):
    response = Client().post(RESEND, headers={"Referer": referrer}, follow=True)

    assert QueryDict(urlsplit(response.redirect_chain[0][0]).query)["next"] == next_page
    assert "nothing was changed" in response.content.decode()
