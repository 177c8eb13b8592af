"""Every URL."""

from typing import Any

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from accounts import pages, tokens
from config.schema_view import Schema
from foundation.http import problem_pages
from monitoring import health

PUBLIC: dict[str, Any] = {
    "permission_classes": [],
    "authentication_classes": [],
    "http_method_names": ["get", "head"],
}

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # In front of the admin's own, which has no limits.
    path("admin/password_change/", admin.site.admin_view(pages.PasswordChange.as_view(), cacheable=True)),
    path("admin/", admin.site.urls),
    path("", include("payments.api.urls")),
    path("", include("desk.urls")),
    path("", include("reports.urls")),
    path("", include("payments.pages.urls")),
    path("", include("bookings.api.urls")),
    path("notifications/", include("notifications.urls")),
    path("account/", pages.account, name="account"),
    path("account/second-factor", pages.second_factor, name="second-factor"),
    path("account/end/<uuid:sign_in_id>", pages.end_one, name="end-sign-in"),
    path("account/sign-out-everywhere", pages.sign_out_everywhere, name="sign-out-everywhere"),
    path("auth/token", tokens.Token.as_view(), name="token"),
    path("schema/", Schema.as_view(**PUBLIC), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(**PUBLIC), name="docs"),
    path("problems/", problem_pages.index, name="problems"),
    path("problems/<slug:name>", problem_pages.problem, name="problem"),
    path("healthz", health.healthz, name="healthz"),
]
handler400 = "foundation.http.problems.bad_request"
handler403 = "foundation.http.problems.permission_denied"
handler404 = "foundation.http.problems.not_found"
handler500 = "foundation.http.problems.server_error"
