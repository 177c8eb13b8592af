"""Installed apps, middleware, templates and static files."""

from config.settings.environment import BASE_DIR

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "django_filters",
    "django_object_actions",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "foundation",
    "accounts",
    "bookings",
    "payments",
    "notifications",
    "desk",
    "runtime",
    "demo",
    "config",  # last: its roles need the permissions of the other apps
]
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",  # first: errors need its headers, too
    "django.middleware.security.SecurityMiddleware",
    "foundation.http.transport.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "foundation.http.middleware.NoBodyForHead",
    "foundation.http.transport.RequireHttps",
    "foundation.http.middleware.OptionalTrailingSlash",
    "foundation.http.middleware.RejectNulBytes",
    "foundation.http.middleware.NoStoreByDefault",
    "foundation.http.middleware.OneErrorFormat",
    "foundation.http.middleware.RejectUnreadableBodies",
    "foundation.http.middleware.MethodsOfPath",
    "foundation.http.request_limits.LimitRequests",
    "foundation.http.middleware.AdminBadInput",
    "foundation.http.middleware.ProblemsOfViews",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "accounts.middleware.RequireSecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # OptionalTrailingSlash serves both forms without a redirect
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
WHITENOISE_USE_FINDERS = True  # finds the files at start-up, without collectstatic
LOGIN_URL = "admin:login"
