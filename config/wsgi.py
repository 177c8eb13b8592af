"""The WSGI entry point. It loads everything up front, so that the first request does not wait."""

import gc
import os
import re
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import get_resolver

from runtime.embedded_postgres import ensure_database_url

# Parameters to drop: extended ones, which name their own charset (RFC 2231), and in Accept also the charset.
IGNORED_PARAMETERS = {
    "CONTENT_TYPE": re.compile(r";[^;,=]*\*[^;,]*"),
    "HTTP_ACCEPT": re.compile(r";(?:\s*charset|[^;,=]*\*)[^;,]*", re.IGNORECASE),
}
MAX_CHUNKED_BYTES = 256 * 1024  # as much as the largest body that a view reads


class Utf8Request(WSGIRequest):
    """Reads every request as UTF-8, and its body completely.

    Django would decode the URL with the charset that the request declares, and fail on codecs that do not produce text,
    such as ``hex``. It would ignore a chunked body, and process a form of which only the beginning has arrived.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        for name, parameters in IGNORED_PARAMETERS.items():
            if name in environ:
                environ[name] = parameters.sub("", environ[name])
        if not environ.get("HTTP_ACCEPT", "").strip():  # an empty Accept accepts anything
            environ.pop("HTTP_ACCEPT", None)
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = environ["wsgi.input"].read(MAX_CHUNKED_BYTES + 1)
            environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        super().__init__(environ)

    @property
    def encoding(self) -> None:
        return None

    @encoding.setter
    def encoding(self, charset: str) -> None:
        """Ignore the declared charset."""

    @property
    def body(self) -> bytes:
        body: bytes = super().body
        if len(body) < int(self.environ.get("CONTENT_LENGTH") or 0):
            raise UnreadablePostError("The connection ended in the middle of the body.")
        return body

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
