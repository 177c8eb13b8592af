"""The process: secret key, hosts, ports."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import LOOPBACK_HOSTS, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
is_local = {host.strip().strip("[]") for host in ALLOWED_HOSTS} <= LOOPBACK_HOSTS
if DEBUG and not SECRET_KEY and is_local:
    SECRET_KEY = "development-only-" + "0" * 40  # public: never for a host that others can reach
MAKE_KEY = 'python3 -c "import secrets; print(secrets.token_urlsafe(50))"'


def is_weak(key: str) -> bool:
    return not key or (not DEBUG and len(set(key)) < 20)


if is_weak(SECRET_KEY):
    raise ImproperlyConfigured(
        f"SECRET_KEY is missing or weak. Set a long random one in the environment or .env: {MAKE_KEY}. To try Daybook "
        "on this machine, set DEBUG=1 and leave ALLOWED_HOSTS out."
    )
# What these keys signed stays valid: docs/how-to/rotate-the-secret-key.md.
SECRET_KEY_FALLBACKS = [key.strip() for key in env.list("SECRET_KEY_FALLBACKS", default=[]) if key.strip()]
if any(map(is_weak, SECRET_KEY_FALLBACKS)):
    raise ImproperlyConfigured(
        "SECRET_KEY_FALLBACKS has a weak key, with which sign-ins could be forged. Remove it: what it signed ends. "
        f"Make a new SECRET_KEY with: {MAKE_KEY}"
    )
PORT = env.int("PORT", default=8000)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
WEB_WORKERS = env.int("WEB_WORKERS", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=8)
