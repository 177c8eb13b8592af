"""The WSGI entry point: loads everything before the first request, which would have to wait for it."""

import gc
import os
import re
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http.multipartparser import MultiPartParserError
from django.urls import get_resolver

from runtime.embedded_postgres import ensure_database_url

# Parameters of a media type that nobody reads: a charset, and those with a charset of their own (RFC 2231).
UNREAD = re.compile(r";(?:\s*charset|[^;,=]*\*)[^;,]*", re.IGNORECASE)


class Utf8Request(WSGIRequest):
    """Reads every request as UTF-8, whatever charset it names: under hex, for one, Django fails over the address."""

    def __init__(self, environ: dict[str, Any]) -> None:
        for name in ("CONTENT_TYPE", "HTTP_ACCEPT"):
            if name in environ:
                environ[name] = UNREAD.sub("", environ[name])
        if not environ.get("HTTP_ACCEPT", "").strip():  # whoever says nothing takes anything
            environ.pop("HTTP_ACCEPT", None)
        super().__init__(environ)

    def parse_file_upload(self, *args: Any) -> Any:
        """Read a form in parts; one whose parts' headers contradict themselves is a bad request, and not our fault."""
        try:
            return super().parse_file_upload(*args)
        except TypeError as error:
            raise MultiPartParserError("The form's parts cannot be read.") from error


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
ensure_database_url()
application = get_wsgi_application()
application.request_class = Utf8Request
get_resolver().url_patterns  # noqa: B018 - a property that imports every view
# What is loaded by now stays. Looking through it for garbage would hold up a request in fifty for 50 ms.
gc.collect()
gc.freeze()
