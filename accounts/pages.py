"""Pages for the account of the signed-in user."""

from __future__ import annotations

from base64 import b32encode
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_otp import login as login_with_device

from accounts.exceptions import SecondFactorInvalid
from accounts.forms import PasswordChangeForm, SecondFactorForm
from accounts.models import StaffSession, StaffToken
from accounts.operations import end_sign_in, end_sign_ins
from accounts.second_factor import device_with, qr_code
from foundation.http.staff_pages import render_staff_page, staff_page


class PasswordChange(PasswordChangeView):
    """The admin's page for a new password, within the limits of a sign-in."""

    form_class = PasswordChangeForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        form.request = self.request
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**admin.site.each_context(self.request), **super().get_context_data(**kwargs)}


@staff_page()
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show where the user is signed in."""
    user, here = staff_user(request), request.session.session_key
    sessions = [
        {
            "name": "This session" if row.session_key == here else "Session in a browser",
            "expires_at": row.expire_date,
            **{name: getattr(row, name) for name in ("id", "created_at", "last_used_at")},
        }
        for row in StaffSession.objects.active().filter(user=user)
    ]
    tokens = StaffToken.objects.active().filter(user=user)
    fields = ("id", "created_at", "last_used_at", "expires_at")
    sign_ins = [*sessions, *({"name": "Token of the API", **row} for row in tokens.values(*fields))]
    return render_staff_page(request, "accounts/account.html", "Your account", sign_ins=sign_ins)


@staff_page()
@require_POST
def end_one(request: HttpRequest, sign_in_id: UUID) -> HttpResponse:
    """End one session or token of the user."""
    is_here = StaffSession.objects.filter(id=sign_in_id, session_key=request.session.session_key).exists()
    if not end_sign_in(user=staff_user(request), sign_in_id=sign_in_id):
        messages.warning(request, "This sign-in had ended already.")
    elif is_here:
        logout(request)
    else:
        messages.success(request, "The sign-in has ended.")
    return redirect("account")


@staff_page()
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session and token of the user, also this session."""
    end_sign_ins(user=staff_user(request))
    logout(request)
    return redirect("admin:login")


def staff_user(request: HttpRequest) -> User:
    """Return the signed-in user of a page for staff."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@staff_page()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set up the second factor; show its recovery codes once."""
    user = staff_user(request)
    form = SecondFactorForm(request, user, request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {}
    if form.is_valid():
        request.session.cycle_key()  # the earlier session has ended
        login_with_device(request, form.device)
        context["codes"] = form.codes
    else:
        try:
            device = device_with(user, str(form["key"].value()))
        except SecondFactorInvalid:  # the error of the form says so
            form = SecondFactorForm(request, user)
            messages.warning(request, "This page was too old. Scan the new QR code.")
            device = device_with(user, str(form["key"].value()))
        context = {"form": form, "qr_code": qr_code(device), "key": b32encode(device.bin_key).decode()}
    return render_staff_page(request, "accounts/second_factor.html", "Second factor", **context)
