"""The OpenAPI schema over HTTP."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class Schema(SpectacularAPIView):
    """The schema, rendered once per process and format: that takes longer than any other request without an account."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        filename = self._get_filename(request, None)
        return HttpResponse(
            rendered_schema(renderer.media_type),
            content_type=f"{renderer.media_type}; charset={renderer.charset or 'utf-8'}",
            headers={"Content-Disposition": f'inline; filename="{filename}"'},
        )


@cache
def rendered_schema(media_type: str) -> bytes:
    """Return the schema in one format."""
    renderer = next(each for each in Schema.renderer_classes if each.media_type == media_type)
    return bytes(renderer().render(SchemaGenerator().get_schema(public=True), renderer_context={}))
