"""Settings are read when a process starts, so each case runs a process of its own."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from django.conf import settings

from runtime.processes import ROOT, manage_command
from tests.processes import database_url

pytestmark = pytest.mark.django_db

EARLIER_NAMES = {
    "DRAIN_SLOTS",
    "DRAIN_CONCURRENCY",
    "LIMIT_LOOKUPS_PER_MINUTE",
}  # still read if the new name is missing


STRONG_KEY = "k3Jx9QmVb7Tz2LwYp5RdHn8CsGf4"  # pragma: allowlist secret


def run_check(**environment):
    """Run ``manage.py check`` with only these settings."""
    return run("check", **environment)


def run(*arguments, **environment):
    """Run ``manage.py`` with only these settings."""
    return subprocess.run(
        manage_command(*arguments),
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": database_url(), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("secret", ["", "secret", "a" * 60, "change-me"])
def test_weak_secret_key_is_refused_in_production_with_advice(secret):
    result = run_check(SECRET_KEY=secret, DEBUG="0")

    assert result.returncode != 0
    assert "SECRET_KEY is missing or weak" in result.stderr
    assert "secrets.token_urlsafe" in result.stderr


def test_strong_secret_keys_are_accepted_in_production():
    fallbacks = f"{STRONG_KEY[::-1]}, ,{STRONG_KEY.upper()}"

    assert run_check(SECRET_KEY=STRONG_KEY, SECRET_KEY_FALLBACKS=fallbacks, DEBUG="0").returncode == 0


def test_weak_fallback_key_is_refused_in_production():
    """Sessions could be forged with it."""
    result = run_check(SECRET_KEY=STRONG_KEY, SECRET_KEY_FALLBACKS=f"{STRONG_KEY[::-1]},change-me", DEBUG="0")

    assert result.returncode != 0
    assert "SECRET_KEY_FALLBACKS has a weak key" in result.stderr


@pytest.mark.parametrize("host", ["daybook.example.com", "*", ".example.com", "10.0.0.5", "localhost,192.168.1.7"])
def test_development_key_is_refused_if_other_hosts_may_be_served(host):
    """The key is public, so sessions and manage tokens could be forged with it."""
    result = run_check(DEBUG="1", ALLOWED_HOSTS=host)

    assert result.returncode != 0
    assert "SECRET_KEY is missing or weak" in result.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"ALLOWED_HOSTS": "localhost,127.0.0.1"},
        {"ALLOWED_HOSTS": "*", "SECRET_KEY": STRONG_KEY},
        {"ALLOWED_HOSTS": "*", "SECRET_KEY": "weak, but not public"},
    ],
)
def test_development_needs_a_key_of_its_own_only_beyond_this_host(environment):
    assert run_check(DEBUG="1", **environment).returncode == 0


@pytest.mark.parametrize("name", ["TWILIO_API_BASE_URL", "RAZORPAY_API_BASE_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://10.0.0.5:8025",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "api.example.com",
        "",
    ],
)
def test_provider_without_https_is_refused_beyond_this_host(name, url):
    """The credentials would be readable on the way."""
    result = run_check(SECRET_KEY=STRONG_KEY, **{name: url})

    assert result.returncode != 0
    assert f"{name} must begin with https://" in result.stderr


@pytest.mark.parametrize("name", ["TWILIO_API_BASE_URL", "RAZORPAY_API_BASE_URL"])
@pytest.mark.parametrize(
    "url", ["https://api.example.com", "http://127.0.0.1:8025", "http://localhost", "http://[::1]:80"]
)
def test_provider_with_https_or_on_this_host_is_accepted(name, url):
    assert run_check(SECRET_KEY=STRONG_KEY, **{name: url}).returncode == 0


@pytest.mark.parametrize("url", ["smtp://user:password@mail.example.com:587", "smtp://user:password@10.0.0.5"])
def test_mail_server_that_would_get_a_password_without_encryption_is_refused_beyond_this_host(url):
    result = run_check(SECRET_KEY=STRONG_KEY, EMAIL_URL=url)

    assert result.returncode != 0
    assert "EMAIL_URL with a password must begin with smtp+tls:// or smtp+ssl://" in result.stderr


@pytest.mark.parametrize(
    "url",
    [
        "smtp+tls://user:password@mail.example.com:587",
        "smtp+ssl://user:password@mail.example.com:465",
        "smtp://user:password@127.0.0.1:25",
        "smtp://mail.example.com:25",
    ],
)
def test_mail_server_that_gets_no_readable_password_is_accepted(url):
    assert run_check(SECRET_KEY=STRONG_KEY, EMAIL_URL=url).returncode == 0


def test_blanks_around_webhook_secrets_are_not_part_of_them():
    code = "from django.conf import settings; print(settings.RAZORPAY_WEBHOOK_SECRETS)"
    result = run("shell", "-c", code, SECRET_KEY=STRONG_KEY, RAZORPAY_WEBHOOK_SECRETS=" old, new , ,")

    assert (result.stdout.strip().splitlines() or [result.stderr])[-1] == "['old', 'new']"


def test_database_url_may_demand_a_verified_certificate():
    code = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'])"
    url = "postgresql://daybook@db.example.com/daybook?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem"
    result = run("shell", "-c", code, SECRET_KEY=STRONG_KEY, DATABASE_URL=url)

    options = (result.stdout.strip().splitlines() or [result.stderr])[-1]
    assert "'sslmode': 'verify-full', 'sslrootcert': '/etc/ssl/db.pem'" in options


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"MESSAGE_COUNTRIES": "IN,UK"}, "UK"),
        ({"MESSAGE_COUNTRIES": "India"}, "INDIA"),
        ({"MESSAGE_COUNTRIES": "+91"}, "+91"),
        ({"MESSAGE_COUNTRIES": "001"}, "001"),
        ({"PHONE_REGION": "XX"}, "XX"),
        ({"PHONE_REGION": "*"}, "*"),
        ({"PHONE_REGION": ""}, ""),
    ],
)
def test_unknown_country_is_refused_at_start(environment, name):
    result = run_check(SECRET_KEY=STRONG_KEY, **environment)

    assert result.returncode != 0
    assert f"unknown country {name!r}." in result.stderr
    assert "ISO 3166" in result.stderr


def test_unknown_channel_that_is_switched_off_is_refused_at_start():
    result = run_check(SECRET_KEY=STRONG_KEY, CHANNELS_OFF="whatsapp, mail")

    assert result.returncode != 0
    assert "CHANNELS_OFF: unknown channel mail. The channels are sms, whatsapp, email." in result.stderr


@pytest.mark.parametrize(("value", "channels"), [("", "[]"), (" sms , whatsapp,", "['sms', 'whatsapp']")])
def test_channels_off_is_a_list_of_channels(value, channels):
    code = "from django.conf import settings; print(settings.CHANNELS_OFF)"
    result = run("shell", "-c", code, SECRET_KEY=STRONG_KEY, CHANNELS_OFF=value)

    assert (result.stdout.strip().splitlines() or [result.stderr])[-1] == channels


@pytest.mark.parametrize(
    ("environment", "countries"),
    [
        ({}, "['IN']"),
        ({"MESSAGE_COUNTRIES": ""}, "['IN']"),
        ({"PHONE_REGION": "de"}, "['DE']"),
        ({"PHONE_REGION": "GB", "MESSAGE_COUNTRIES": " in, je ,"}, "['IN', 'JE']"),
        ({"MESSAGE_COUNTRIES": "*"}, "['*']"),
    ],
)
def test_message_countries_default_to_the_country_of_the_business(environment, countries):
    result = run(
        "shell",
        "-c",
        "from django.conf import settings; print(settings.MESSAGE_COUNTRIES)",
        SECRET_KEY=STRONG_KEY,
        **environment,
    )

    assert (result.stdout.strip().splitlines() or [result.stderr])[-1] == countries


def test_env_example_lists_exactly_the_settings():
    modules = [ROOT / "runtime/environment.py", *(ROOT / "config/settings").glob("*.py")]
    sources = "".join(path.read_text() for path in modules)
    settings_in_code = set(re.findall(r'env\.\w+\("([A-Z_]+)"', sources))
    settings_in_example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))

    assert settings_in_example == settings_in_code - EARLIER_NAMES


def test_queue_uses_the_database_of_the_bookings():
    """With any other alias, queueing a job inside a booking's transaction closes the connection, losing the booking."""
    assert settings.Q_CLUSTER["orm"] == "default"


def test_env_example_has_no_comment_after_a_value():
    """The comment would become part of the value."""
    lines = Path(ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if not line.startswith("#") and "#" in line] == []


def test_versions_of_project_api_and_changelog_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)

    assert changelog is not None
    assert project == settings.SPECTACULAR_SETTINGS["VERSION"] == changelog[1]


TRANSPORT = """
from django.conf import settings as s
print([s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS,
       s.SECURE_PROXY_SSL_HEADER])
"""
HTTPS_COOKIES = "'__Host-sessionid', '__Host-csrftoken', True, True, 31536000"


@pytest.mark.parametrize(
    ("url", "proxies", "expected"),
    [
        ("http://127.0.0.1:8000", "1", "['sessionid', 'csrftoken', False, False, 0, None]"),
        ("https://book.example", "0", f"[{HTTPS_COOKIES}, None]"),
        ("https://book.example", "1", f"[{HTTPS_COOKIES}, ('HTTP_X_FORWARDED_PROTO', 'https')]"),
    ],
)
def test_cookies_and_hsts_follow_from_the_public_url(url, proxies, expected):
    result = run("shell", "-c", TRANSPORT, SECRET_KEY=STRONG_KEY, PUBLIC_BASE_URL=url, TRUSTED_PROXIES=proxies)

    assert result.stdout.strip().splitlines()[-1] == expected


DEPLOYMENT = {"SECRET_KEY": 2 * STRONG_KEY, "PUBLIC_BASE_URL": "https://book.example", "ALLOWED_HOSTS": "book.example"}


@pytest.mark.parametrize(("proxies", "status"), [("1", 0), ("0", 1)])
def test_deployment_check_is_clean_behind_a_trusted_proxy(proxies, status):
    result = run("check", "--deploy", "--fail-level=WARNING", TRUSTED_PROXIES=proxies, **DEPLOYMENT)

    assert result.returncode == status, result.stderr
    assert ("TRUSTED_PROXIES is 0" in result.stderr) == (proxies == "0")


def test_negative_retention_is_refused_with_advice():
    result = run_check(DEBUG="1", RETENTION_SESSIONS_DAYS="-1")

    assert result.returncode != 0
    assert "RETENTION_SESSIONS_DAYS: enter the number of days, or 0 to keep the data for ever." in result.stderr
