"""Passwords, cookies and headers."""

from config.settings.business import BUSINESS_NAME
from config.settings.environment import env
from config.settings.limits import TRUSTED_PROXIES
from config.settings.process import DEBUG, PUBLIC_BASE_URL

PASSWORD_HASHERS = [
    "accounts.password_hashers.LimitedArgon2PasswordHasher",
    "accounts.password_hashers.LimitedPBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "accounts.password_validators.AdminLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SECOND_FACTOR_REQUIRED = env.bool("SECOND_FACTOR_REQUIRED", default=not DEBUG)
OTP_TOTP_ISSUER = BUSINESS_NAME
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 0  # wrong codes count as failed sign-ins
LOGIN_REDIRECT_URL = "admin:index"
CSRF_FAILURE_VIEW = "foundation.http.problems.csrf_failed"
DJANGO_OBJECT_ACTIONS_DEFAULT_HTTP_METHOD = "POST"
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 8 * 3600  # from the sign-in
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=120)
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # needs no cookie of its own

# HTTPS, if customers reach Daybook over it. The proxy in front ends it, and states it in X-Forwarded-Proto.
is_https = PUBLIC_BASE_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if is_https and TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 365 * 86_400 if is_https else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = is_https
CSRF_COOKIE_HTTPONLY = True  # no script reads it
# With this prefix, browsers accept a cookie from this host only, over HTTPS; a sibling domain cannot set it.
cookie_prefix = "__Host-" if is_https else ""
SESSION_COOKIE_NAME = f"{cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{cookie_prefix}csrftoken"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
content_security_policy = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # Swagger UI has its icons in its style sheet
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
unused_features = [
    "accelerometer",
    "camera",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "payment",
    "usb",
]
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in content_security_policy.items()),
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in unused_features),
    "Cross-Origin-Opener-Policy": "same-origin",  # also where a view has set another one
    "Cross-Origin-Resource-Policy": "same-origin",  # requests with CORS are not affected
}

# Checks of `manage.py check --deploy` that do not apply:
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: they belong to other services of the business
    "security.W008",  # SECURE_SSL_REDIRECT: RequireHttps redirects pages, and refuses what must not be redirected
    "security.W021",  # HSTS preloading: it includes the subdomains, and is hard to undo
]
