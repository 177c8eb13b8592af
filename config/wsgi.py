"""The WSGI entry point: loads everything before the first request, which would have to wait for it."""

import gc
import os
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver


class Utf8Request(WSGIRequest):
    """Reads every request as UTF-8, whatever charset it names: under hex, for one, Django fails over the address."""

    def __init__(self, environ: dict[str, Any]) -> None:
        media_type, *parameters = environ.get("CONTENT_TYPE", "").split(";")
        # RFC 2231 also knows charset* and charset*0.
        kept = [each for each in parameters if not each.partition("=")[0].strip().lower().startswith("charset")]
        environ["CONTENT_TYPE"] = ";".join([media_type, *kept])
        super().__init__(environ)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
application.request_class = Utf8Request
get_resolver().url_patterns  # noqa: B018 - a property that imports every view
# What is loaded by now stays. Looking through it for garbage would hold up a request in fifty for 50 ms.
gc.collect()
gc.freeze()
