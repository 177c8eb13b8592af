"""Every setting, read from the environment or ``.env``. ``.env.example`` explains each."""

import os
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from config.postgres import start_embedded_postgres

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")

# --- the process -----------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if DEBUG and not SECRET_KEY:
    SECRET_KEY = "development-only-" + "0" * 40
if not DEBUG and len(set(SECRET_KEY)) < 20:
    raise ImproperlyConfigured(
        "SECRET_KEY is missing or weak. Put a long random one into the environment or .env: "
        'python3 -c "import secrets; print(secrets.token_urlsafe(50))". For a try-out on this machine set DEBUG=1.'
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PORT = env.int("PORT", default=8000)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
WEB_WORKERS = env.int("WEB_WORKERS", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=8)

# --- the business ----------------------------------------------------------------------------------------------------
BUSINESS_NAME = env.str("BUSINESS_NAME", default="Daybook")
CURRENCY = env.str("CURRENCY", default="INR")
PHONE_REGION = env.str("PHONE_REGION", default="IN")
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Kolkata")
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = True

# --- the apps --------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_filters",
    "django_object_actions",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "bookings",
    "payments",
    "notifications",
    "config",  # last: its groups need the permissions of the others
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.EitherSlash",
    "config.middleware.NoNul",
    "config.middleware.KeptByNobody",
    "config.middleware.WordsForErrors",
    "config.middleware.OddQuestions",
    "config.middleware.DatabaseTrouble",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # EitherSlash answers both spellings without a redirect
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True  # found at start-up: no collectstatic to forget
LOGIN_URL = "admin:login"

# --- the database ----------------------------------------------------------------------------------------------------
if not env.str("DATABASE_URL", default=""):
    start_embedded_postgres(BASE_DIR / ".data" / "postgres")
DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"] |= {
    "CONN_MAX_AGE": 600,  # django-q2 opens a connection at every poll without it
    "CONN_HEALTH_CHECKS": True,
    "ATOMIC_REQUESTS": False,
    "OPTIONS": DATABASES["default"].get("OPTIONS", {})  # of the URL's query: a socket's folder, sslmode
    | {
        "connect_timeout": 3,
        "options": "-c statement_timeout=15s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- limits: 0 is none -----------------------------------------------------------------------------------------------
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
LIMIT_BOOKINGS_PER_HOUR = env.int("LIMIT_BOOKINGS_PER_HOUR", default=60)
LIMIT_LOOKUPS_PER_MINUTE = env.int("LIMIT_LOOKUPS_PER_MINUTE", default=120)
LIMIT_SIGN_INS_PER_QUARTER_HOUR = env.int("LIMIT_SIGN_INS_PER_QUARTER_HOUR", default=5)
LIMIT_OPEN_HOLDS_PER_NUMBER = env.int("LIMIT_OPEN_HOLDS_PER_NUMBER", default=1)
LIMIT_MESSAGES_PER_NUMBER = env.int("LIMIT_MESSAGES_PER_NUMBER", default=20)
LIMIT_EMAILS_PER_ADDRESS = env.int("LIMIT_EMAILS_PER_ADDRESS", default=50)
LIMIT_MESSAGES_AT_HOME = env.int("LIMIT_MESSAGES_AT_HOME", default=20_000)
LIMIT_MESSAGES_PER_COUNTRY = env.int("LIMIT_MESSAGES_PER_COUNTRY", default=200)

# --- the queue (what each number rests on: docs/decisions.md) --------------------------------------------------------
DRAIN_SLOTS = env.int("DRAIN_SLOTS", default=2)
DRAIN_CONCURRENCY = env.int("DRAIN_CONCURRENCY", default=500)
SEND_LEASE_SECONDS = env.int("SEND_LEASE_SECONDS", default=60)
LOOKUP_SETTLE_SECONDS = env.int("LOOKUP_SETTLE_SECONDS", default=180)
STOP_FILE = os.environ.get("DAYBOOK_STOP_FILE", "")  # of manage.py worker: once it exists, nothing new is claimed
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "queue": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": BASE_DIR / ".data" / "queue-status",
    },
}
Q_CLUSTER = {
    "name": "daybook",  # part of each job's signature: never change it while jobs are queued
    "orm": "default",  # the bookings' own connection: a job commits or vanishes with its booking
    "workers": DRAIN_SLOTS + 3,  # a slice and its successor overlap, the sweep of payments, and one to spare
    "timeout": 60,
    "retry": 75,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "queue_limit": 4,
    "bulk": 5,
    "poll": 0.2,
    "guard_cycle": 0.5,
    "recycle": 100,
    "max_rss": 300_000,
    "catch_up": False,
    "label": "Queue",
    "cache": "queue",
}

# --- the providers ---------------------------------------------------------------------------------------------------
TWILIO_API_BASE_URL = env.str("TWILIO_API_BASE_URL", default="https://api.twilio.com")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_SMS_FROM = env.str("TWILIO_SMS_FROM", default="")
TWILIO_MESSAGING_SERVICE_SID = env.str("TWILIO_MESSAGING_SERVICE_SID", default="")
TWILIO_WHATSAPP_FROM = env.str("TWILIO_WHATSAPP_FROM", default="")
RAZORPAY_API_BASE_URL = env.str("RAZORPAY_API_BASE_URL", default="https://api.razorpay.com")
RAZORPAY_KEY_ID = env.str("RAZORPAY_KEY_ID", default="")
RAZORPAY_KEY_SECRET = env.str("RAZORPAY_KEY_SECRET", default="")
RAZORPAY_WEBHOOK_SECRETS = env.list("RAZORPAY_WEBHOOK_SECRETS", default=[])
EMAIL_URL = env.str("EMAIL_URL", default="smtp://127.0.0.1:25")
vars().update(env.email_url("EMAIL_URL", default="smtp://127.0.0.1:25"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="bookings@localhost")

# --- the API ---------------------------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
# Nobody sends files: larger ones are read past, in pieces, and fill no disk. No handler at all would read them at once.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
API_VERSION = "1.0.0"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.authentication.StaffToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissions"],  # a forgotten view is closed
    "DEFAULT_PARSER_CLASSES": ["config.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "ALLOWED_VERSIONS": [API_VERSION],  # without, /schema/ puts any ?version= into a header
    "URL_FORMAT_OVERRIDE": None,  # ?format= is a parameter like any other
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "config.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "config.problems.ProblemFormatter",
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "Daybook",
    "DESCRIPTION": "Bookings that answer at once. Errors are RFC 9457 problems: branch on `code`.",
    "VERSION": API_VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.add_problem_responses",
        "config.schema.add_examples",
    ],
    "APPEND_COMPONENTS": {
        "securitySchemes": {"bookingToken": {"type": "apiKey", "in": "header", "name": "X-Booking-Token"}}
    },
    "ENUM_NAME_OVERRIDES": {"BookingStatus": "bookings.models.Booking.Status"},
}

# --- safety ----------------------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SECURE_CONTENT_TYPE_NOSNIFF = True
DJANGO_OBJECT_ACTIONS_DEFAULT_HTTP_METHOD = "POST"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_AGE = 8 * 3600

# --- the log ---------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # What a client did wrong is in its answer and in the access log.
        "django.request": {"level": "ERROR"},
    }
    | {
        name: {"level": "INFO", "handlers": ["console"], "propagate": False}
        for name in ("config", "bookings", "payments", "notifications")
    },
}
