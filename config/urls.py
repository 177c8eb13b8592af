"""Every path of Daybook. The order matters once: named paths stand before ``bookings/<id>``."""

from typing import Any

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts import tokens
from accounts.sign_in import RateLimitedSignInForm
from foundation.http import problem_pages
from monitoring import health

admin.site.site_header = admin.site.site_title = "Daybook"
admin.site.login_form = RateLimitedSignInForm
admin.site.index_title = "Front desk"
admin.site.enable_nav_sidebar = False  # the header leads everywhere, and the lists need the width

FOR_ALL_TO_READ: dict[str, Any] = {
    "permission_classes": [],
    "authentication_classes": [],
    "http_method_names": ["get", "head"],
}

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("payments.api.urls")),
    path("", include("desk.urls")),
    path("", include("reports.urls")),
    path("", include("payments.pages.urls")),
    path("", include("bookings.api.urls")),
    path("notifications/", include("notifications.urls")),
    path("auth/token", tokens.Token.as_view(), name="token"),
    path("schema/", SpectacularAPIView.as_view(**FOR_ALL_TO_READ), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(**FOR_ALL_TO_READ), name="docs"),
    path("problems/", problem_pages.index, name="problems"),
    path("problems/<slug:name>", problem_pages.problem, name="problem"),
    path("healthz", health.healthz, name="healthz"),
]
handler400 = "foundation.http.problems.bad_request"
handler404 = "foundation.http.problems.not_found"
handler500 = "foundation.http.problems.server_error"
