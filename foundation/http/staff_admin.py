"""Admin base class for models that staff edit: it never overwrites newer values unseen, and explains lost races."""

from __future__ import annotations

import copy
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.admin.utils import unquote
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from foundation.database_errors import violated_constraint
from foundation.http.edit_conflicts import SHOWN_VALUES, Page, describe_changes

LOST_RACE = "Another person saved a change at the same moment. Check the values, then save again."
IN_USE = "Nothing was deleted: it has come into use at this moment. Reload the list, then try again."


class StaffAdmin(admin.ModelAdmin):
    """An admin whose change form carries the values that it showed.

    If they differ from those that are stored when the form is sent, nothing is saved: the form appears again with the
    person's changes and an error that names both values. The row is locked meanwhile, so of two people who save at
    the same moment, the second one sees it. There is no such check for ``list_editable``, so do not set it.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        arguments = (request, object_id, form_url, extra_context)
        try:
            with transaction.atomic():
                return self._checked_view(*arguments)
        except IntegrityError as error:
            with transaction.atomic():
                return self._checked_view(*arguments, refusal=_describe(error))

    def _checked_view(
        self,
        request: HttpRequest,
        object_id: str | None,
        form_url: str,
        extra_context: dict[str, Any] | None,
        refusal: str = "",
    ) -> Any:
        page = self._stored_page(request, object_id)
        refusals = [refusal] if refusal else []
        if page:
            extra_context = {**(extra_context or {}), "shown_values": (SHOWN_VALUES, page.token)}
            if request.method == "POST":
                request.POST = request.POST.copy()  # type: ignore[assignment]  # the setter takes a mutable one
                refusals += page.rebase(request.POST)
        request.refusals = refusals  # type: ignore[attr-defined]  # for get_form
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _stored_page(self, request: HttpRequest, object_id: str | None) -> Page | None:
        """Return the stored values, locked if the form was sent; None without a form that this user may change."""
        to_field = request.POST.get(TO_FIELD_VAR, request.GET.get(TO_FIELD_VAR))
        if object_id is None or (to_field and not self.to_field_allowed(request, to_field)):
            return None
        obj = self.get_object(request, unquote(object_id), to_field)
        if obj is None or not self.has_change_permission(request, obj):
            return None
        if request.method == "POST":
            self.lock(obj)
            obj = self.get_object(request, unquote(object_id), to_field)  # another person may have been faster
            if obj is None:
                return None
        unbound = copy.copy(request)
        unbound.method = "GET"
        form = self.get_form(unbound, obj, change=True)(instance=obj)
        formsets, inlines = self._create_formsets(unbound, obj, change=True)  # type: ignore[attr-defined]
        pairs = zip(formsets, inlines, strict=True)
        return Page.of_forms(form, [formset for formset, inline in pairs if inline.has_change_permission(request, obj)])

    def lock(self, obj: Any) -> None:
        """Lock what the form changes until the transaction ends."""
        list(type(obj)._base_manager.select_for_update(no_key=True, of=("self",)).filter(pk=obj.pk))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        refusals = getattr(request, "refusals", [])
        if not refusals:
            return form_class

        class RefusedForm(form_class):  # type: ignore[misc, valid-type]
            def clean(self) -> Any:
                for refusal in refusals:
                    self.add_error(None, refusal)
                return super().clean()

        return RefusedForm

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Describe the changes for the history of the object, with the old and the new value of each field."""
        message = super().construct_change_message(request, form, formsets, add)
        if add or formsets is None:  # no formsets: Django's form for a password, which is not recorded
            return message
        rows = [
            row
            for formset in formsets
            for changed, _ in formset.changed_objects
            for row in formset.initial_forms
            if row.instance == changed
        ]
        entries = [entry["changed"] for entry in message if "changed" in entry]
        for entry, changed_form in zip(entries, [form, *rows] if form.changed_data else rows, strict=True):
            entry["fields"] = describe_changes(changed_form)
        return message

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        connection.check_constraints()  # those that are deferred to the commit would be reported after "saved"

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        connection.check_constraints()

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except IntegrityError:
            return self._refuse_deletion(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except IntegrityError:
            return self._refuse_deletion(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        connection.check_constraints()

    def _refuse_deletion(self, request: HttpRequest) -> HttpResponse:
        messages.error(request, IN_USE)
        return redirect(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist")


def _describe(error: IntegrityError) -> str:
    """Return the message of the violated constraint, if it is one of ours."""
    name = violated_constraint(error)
    own = [constraint for model in apps.get_models() for constraint in model._meta.constraints]
    messages_by_name = {constraint.name: str(constraint.violation_error_message) for constraint in own}
    return messages_by_name.get(name, LOST_RACE)
