"""Pages for staff, in the admin's layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

View = Callable[..., HttpResponse]


def staff_page(permission: str = "") -> Callable[[View], View]:
    """Require a signed-in staff member, who has ``permission`` if one is given; others get the sign-in page, or 403.

    A form that is sent after the session has ended changes nothing: after signing in, its sender sees its page again.
    """

    def decorate(view: View) -> View:
        allowed_view = permission_required(permission, raise_exception=True)(view) if permission else view
        checked_view: View = staff_member_required(allowed_view)

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST" and not request.user.is_authenticated:
                messages.warning(request, "You had been signed out, so nothing was changed. Please try again.")
                return redirect_to_login(_page_of_form(request), reverse("admin:login"))
            return checked_view(request, *args, **kwargs)

        return page

    return decorate


def _page_of_form(request: HttpRequest) -> str:
    """Return the path of the page that the form was on."""
    referrer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referrer, {request.get_host()}, require_https=request.is_secure()):
        return reverse("admin:index")
    path = urlsplit(referrer)._replace(scheme="", netloc="").geturl()
    return path if url_has_allowed_host_and_scheme(path, None) else reverse("admin:index")


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
