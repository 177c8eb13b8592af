"""The WSGI entry point. It loads everything up front, so that the first request does not wait."""

import gc
import os
import re
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http.multipartparser import MultiPartParserError
from django.urls import get_resolver

from runtime.embedded_postgres import ensure_database_url

# Media type parameters to drop: charset, and extended parameters, which name their own charset (RFC 2231).
IGNORED_PARAMETERS = re.compile(r";(?:\s*charset|[^;,=]*\*)[^;,]*", re.IGNORECASE)


class Utf8Request(WSGIRequest):
    """Reads every request as UTF-8 and ignores the charset that it declares.

    Django would decode the URL with that charset, and fail on codecs that do not produce text, such as ``hex``.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        for name in ("CONTENT_TYPE", "HTTP_ACCEPT"):
            if name in environ:
                environ[name] = IGNORED_PARAMETERS.sub("", environ[name])
        if not environ.get("HTTP_ACCEPT", "").strip():  # an empty Accept accepts anything
            environ.pop("HTTP_ACCEPT", None)
        super().__init__(environ)

    def parse_file_upload(self, *args: Any) -> Any:
        """Parse a multipart form; contradictory part headers are a bad request, not a server error."""
        try:
            return super().parse_file_upload(*args)
        except TypeError as error:
            raise MultiPartParserError("The multipart form is malformed.") from error


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
ensure_database_url()
application = get_wsgi_application()
application.request_class = Utf8Request
get_resolver().url_patterns  # noqa: B018 - a property that imports every view
# Exclude what is loaded now from garbage collection, which would otherwise delay 1 request in 50 by 50 ms.
gc.collect()
gc.freeze()
