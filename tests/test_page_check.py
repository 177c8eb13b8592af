import pytest

from tests.page_check import forbidden_content


@pytest.mark.parametrize(
    "page",
    [
        "<script>alert(1)</script>",
        "<style>p { color: red }</style>",
        '<p style="color: red">',
        '<button onclick="go()">',
        '<a href="JavaScript:go()">',
        '<script src="https://cdn.example/x.js"></script>',
        '<form action="//evil.example/">',
    ],
)
def test_forbidden_content_is_found(page):
    assert len(forbidden_content(page)) == 1


def test_allowed_content_is_not_reported():
    page = '<script src="/static/x.js"></script><a href="https://example.com/">x</a><form action="/x?next=//y">'

    assert forbidden_content(page) == []
