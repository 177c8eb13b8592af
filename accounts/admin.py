"""Users, groups and service tokens in the admin."""

import copy
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_object_actions import DjangoObjectActions, action

from accounts.forms import ProvenPasswordForm, ProvenUserForm
from accounts.models import ServiceToken
from accounts.operations import ServiceTokenNameInUse, create_service_token, end_sign_ins
from accounts.second_factor import remove_second_factor
from foundation.http.read_only_admin import ReadOnlyAdmin
from foundation.http.staff_admin import StaffAdmin


class StaffUserAdmin(StaffAdmin, UserAdmin):
    """Users, who are deactivated and not deleted: their entries in the history would be deleted, too."""

    readonly_fields = ["last_login", "date_joined"]  # saving the form must not put an earlier sign-in back
    form = ProvenUserForm
    change_user_password_template = "admin/accounts/set_password.html"  # noqa: S105 - a path
    fieldsets = [
        *(UserAdmin.fieldsets or []),
        ("Second factor", {"fields": ["removes_second_factor"]}),
        (
            "Proof that it is you",
            {
                "fields": ["your_password", "your_code"],
                "description": "Needed for another e-mail address, to make a superuser, and to remove a second factor.",
            },
        ),
    ]
    actions = ["sign_out_everywhere"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        form_class.request = request  # the class is new in each request
        return form_class

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        class Form(ProvenPasswordForm):
            pass

        Form.request = request
        page = copy.copy(self)  # all requests share this object
        page.change_password_form = Form
        return super(StaffUserAdmin, page).user_change_password(request, id, form_url)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        for user in users if request.user.is_superuser else users.exclude(is_superuser=True):
            end_sign_ins(user=user)
            self.log_change(request, user, "Signed out everywhere.")
        if request.user.pk in [user.pk for user in users]:  # this session has ended, too
            logout(request)
            return redirect("admin:login")
        messages.success(request, "The sign-ins of the selected users have ended.")
        return None

    def save_model(self, request: HttpRequest, user: User, form: Any, change: bool) -> None:
        super().save_model(request, user, form, change)
        if form.cleaned_data.get("removes_second_factor"):
            remove_second_factor(user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only superusers change superusers: others could take over their accounts."""
        is_beyond = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not is_beyond

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Only superusers grant permissions: others could grant themselves those that they lack."""
        roles = [] if request.user.is_superuser else ["is_superuser", "groups", "user_permissions"]
        return [*super().get_readonly_fields(request, obj), *roles]


class StaffGroupAdmin(StaffAdmin, GroupAdmin):
    """Groups, whose permissions several people may edit."""


class ServiceTokenForm(forms.ModelForm):
    class Meta:
        model = ServiceToken
        fields = ["name"]


@admin.register(ServiceToken)
class ServiceTokenAdmin(DjangoObjectActions, ReadOnlyAdmin):
    """Service tokens, without their text: it is shown once, when a token is created."""

    list_display = ["name", "created_at", "created_by", "last_used_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    fields = ["name", "created_at", "created_by", "last_used_at", "revoked_at"]
    change_actions = ["revoke"]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ServiceTokenForm(request.POST or None)
        context = {**self.admin_site.each_context(request), "title": "New service token", "form": form}
        if form.is_valid():
            try:
                new_token = create_service_token(name=form.cleaned_data["name"], created_by=request.user)
            except ServiceTokenNameInUse as refusal:
                form.add_error("name", str(refusal))
            else:
                self.log_addition(request, new_token.row, [{"added": {}}])
                context["new_token"] = new_token
        return render(request, "admin/accounts/servicetoken/form.html", context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_servicetoken")

    def get_change_actions(self, request: HttpRequest, object_id: str, form_url: str) -> list[str]:
        service_token = self.get_object(request, object_id)
        is_active = service_token is not None and service_token.revoked_at is None
        return ["revoke"] if is_active and request.user.has_perm("accounts.revoke_servicetoken") else []

    @action(label="Revoke", methods=("POST",), button_type="form")
    def revoke(self, request: HttpRequest, service_token: ServiceToken) -> None:
        if not request.user.has_perm("accounts.revoke_servicetoken"):
            raise PermissionDenied
        if service_token.revoke():
            self.log_change(request, service_token, "Revoked.")
            messages.success(request, f"{service_token.name} is revoked. Requests with this token are refused.")
        else:
            messages.warning(request, f"{service_token.name} is already revoked.")
