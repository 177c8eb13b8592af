"""The API, its OpenAPI schema, and the sites whose pages may call it."""

from config.settings.business import BUSINESS_NAME
from config.settings.environment import env

DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
# No endpoint accepts files. This handler discards large ones in chunks; without one, Django would load them whole.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
API_VERSION = "1.0.0"
# The paths for programs: their errors are never pages. A test compares this with the routes.
API_PATHS = r"/+(services|bookings|auth|schema|healthz|payments/razorpay|notifications/twilio)(/|$)"
# Without credentials: a page of another site sends tokens, never the cookie of a signed-in staff member.
CORS_ALLOWED_ORIGINS = [origin.strip().rstrip("/") for origin in env.list("CORS_ALLOWED_ORIGINS", default=[])]
CORS_URLS_REGEX = API_PATHS
CORS_ALLOW_METHODS = ["DELETE", "GET", "HEAD", "POST", "PUT"]
CORS_ALLOW_HEADERS = ["authorization", "content-type", "idempotency-key", "x-booking-token"]
CORS_EXPOSE_HEADERS = ["Idempotent-Replayed", "Retry-After"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.DjangoModelPermissions"
    ],  # no anonymous access by default
    "DEFAULT_THROTTLE_CLASSES": ["foundation.http.throttles.RequestThrottle"],
    "DEFAULT_PARSER_CLASSES": ["foundation.http.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "foundation.http.negotiation.JSONNegotiation",
    "DEFAULT_SCHEMA_CLASS": "foundation.http.openapi.ApiSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "ALLOWED_VERSIONS": [API_VERSION],  # otherwise /schema/ copies any ?version= into a header
    "URL_FORMAT_OVERRIDE": None,  # ?format= is a parameter like any other
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "foundation.http.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "foundation.http.problems.ProblemFormatter",
}
DESCRIPTION = """\
Book services, pay for them, and manage the bookings.

* **Errors** are problems as RFC 9457 defines them. Branch on `code`, never on a text; each operation lists its codes.
* **Later versions** may add operations, optional parameters, members of responses, values of a response's enumeration,
  and problem codes. These are not breaking changes: ignore what your client does not know.
* **Times** are ISO 8601 with an offset; **amounts** are integers in the currency's minor unit, such as paise or cents.
* **Access**: customers need no account. The response to a new booking has a manage token for it, to send as
  `X-Booking-Token`. Staff sign in and send a bearer token.
* **Service tokens** are bearer tokens for other programs of the business, such as its website; an admin creates them. A
  program books for customers, under the same rules and with rate limits of its own, and lists, reads, reschedules and
  cancels the bookings that it created. It sees no others, and cannot do what only staff can do.
* **Repeats**: send an `Idempotency-Key` with each new booking, so that a lost response can be requested again. Without
  a key, an equal request of the same caller within 10 minutes is the same request: it gets the first response again,
  as long as the booking is unchanged.
* A path works with and without a slash at its end.
"""
SPECTACULAR_SETTINGS = {
    "TITLE": "Daybook",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": API_VERSION,
    "OAS_VERSION": "3.1.1",
    "CONTACT": {"name": BUSINESS_NAME},
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SERVERS": [{"url": "/", "description": "The host that serves this description."}],
    "TAGS": [
        {"name": "services", "description": "What can be booked, and when."},
        {"name": "bookings", "description": "Make a booking, pay for it, change it, and complete it."},
        {"name": "auth", "description": "Sign in and out as staff."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,  # they are for maintainers; extend_schema has the text for callers
    "PREPROCESSING_HOOKS": ["config.schema.without_trailing_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.add_examples",
    ],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bookingToken": {
                "type": "apiKey",
                "in": "header",
                "name": "X-Booking-Token",
                "description": "The `manage_token` in the response to a new booking. It gives access to that booking.",
            }
        }
    },
}
