"""The WSGI entry point: loads everything before the first request, which would have to wait for it."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - a property that imports every view
# What is loaded by now stays. Looking through it for garbage would hold up a request in fifty for 50 ms.
gc.collect()
gc.freeze()
