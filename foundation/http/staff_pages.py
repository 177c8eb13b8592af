"""Pages for staff, in the admin's layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

View = Callable[..., HttpResponse]


def staff_page(permission: str) -> Callable[[View], View]:
    """Require a signed-in staff member who has ``permission``; others get the sign-in page, or 403."""
    return lambda view: staff_member_required(permission_required(permission, raise_exception=True)(view))


def render_staff_page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """Render ``template`` in the admin's layout. Times are in the business's time zone unless ``zone`` is given."""
    shared = {**admin.site.each_context(request), "title": title, "zone": timezone.get_default_timezone()}
    return render(request, template, {**shared, **context})


class LongListPaginator(Paginator):  # type: ignore[type-arg]  # only the stub takes a type
    """Pages over the first MAX_ROWS rows of a list: counting or skipping millions of rows would take seconds."""

    MAX_ROWS = 5_000
    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return min(self._limited_count, self.MAX_ROWS)

    @property
    def has_more_rows(self) -> bool:
        """Return whether the list goes on after the last page."""
        return self._limited_count > self.MAX_ROWS

    @cached_property
    def _limited_count(self) -> int:
        return self.object_list.order_by()[: self.MAX_ROWS + 1].count()
