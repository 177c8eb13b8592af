"""The process: secret key, hosts, ports."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if DEBUG and not SECRET_KEY:
    SECRET_KEY = "development-only-" + "0" * 40
if not DEBUG and len(set(SECRET_KEY)) < 20:
    raise ImproperlyConfigured(
        "SECRET_KEY is missing or weak. Set a long random one in the environment or .env: "
        'python3 -c "import secrets; print(secrets.token_urlsafe(50))". To try Daybook on this machine, set DEBUG=1.'
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PORT = env.int("PORT", default=8000)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
WEB_WORKERS = env.int("WEB_WORKERS", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=8)
