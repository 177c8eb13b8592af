"""Passwords, cookies and headers."""

from config.settings.process import PUBLIC_BASE_URL

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
CSRF_FAILURE_VIEW = "foundation.http.problems.csrf_failed"
SECURE_CONTENT_TYPE_NOSNIFF = True
DJANGO_OBJECT_ACTIONS_DEFAULT_HTTP_METHOD = "POST"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_AGE = 8 * 3600
