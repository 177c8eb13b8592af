import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.test.client import FakePayload

from config.wsgi import application

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=hex",
        "application/json; charset*=hex''x",
        "application/json; charset=undefined",
        "application/json; title*=nope''x",
        "application/json; a*=undefined''b",
        "application/json; a*=u''b; a*0=c",
        "application/json; a*; a*0=c",
    ],
)
def test_content_type_charset_is_ignored(content_type):
    """Django decodes the URL with that charset, but some Python codecs do not decode to text."""
    environ = {"PATH_INFO": "/bookings/", "QUERY_STRING": "status=%41", "CONTENT_TYPE": content_type}

    request = application.request_class(RequestFactory()._base_environ(**environ))  # type: ignore[attr-defined]

    assert (request.GET["status"], request.content_type) == ("A", "application/json")


def test_accept_extended_parameter_is_ignored():
    environ = RequestFactory()._base_environ(HTTP_ACCEPT="text/*; a*=u''b; a*0=c;level=1, */*;q=0.8")  # type: ignore[attr-defined]

    assert application.request_class(environ).META["HTTP_ACCEPT"] == "text/*;level=1, */*;q=0.8"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["name*=u''b; name*0=c", "name*=nope''%41", "name*=undefined''b"])
def test_multipart_extended_parameter_is_bad_request(name):
    response_start = {}
    body = f"--b\r\nContent-Disposition: form-data; {name}\r\n\r\nvalue\r\n--b--\r\n".encode()
    environ = RequestFactory()._base_environ(  # type: ignore[attr-defined]
        PATH_INFO="/admin/login/",
        REQUEST_METHOD="POST",
        CONTENT_TYPE="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(len(body)),
        HTTP_COOKIE=f"csrftoken={'a' * 32}",
        **{"wsgi.input": FakePayload(body)},
    )

    b"".join(application(environ, lambda status, headers: response_start.update(status=status)))

    assert response_start["status"].startswith("4")


@pytest.mark.parametrize("headers", [{}, {"HTTP_ACCEPT": ""}, {"HTTP_ACCEPT": " "}])
def test_empty_accept_accepts_anything(headers):
    assert "HTTP_ACCEPT" not in application.request_class(RequestFactory()._base_environ(**headers)).META  # type: ignore[attr-defined]


def test_uploaded_file_is_read_in_chunks(client, monkeypatch):
    name, sizes = "a." + "x" * 250, []
    file = SimpleUploadedFile(name, b"x" * 3_000_000)
    read = FakePayload.read
    monkeypatch.setattr(FakePayload, "read", lambda self, size=None: sizes.append(size) or read(self, size))

    response = client.post("/notifications/twilio/inbound", {"file": file})

    assert response.status_code == 403
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize("version", ["%0A", "2", "1.0.0"])
def test_schema_ignores_version_param(client, version):
    assert client.get(f"/schema/?version={version}").status_code == 200


def test_content_type_boundary_containing_charset_is_kept():
    content_type = "multipart/form-data; boundary=acharset1"
    environ = RequestFactory()._base_environ(CONTENT_TYPE=content_type)  # type: ignore[attr-defined]

    assert application.request_class(environ).META["CONTENT_TYPE"] == content_type
