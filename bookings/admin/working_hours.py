"""The weekly hours of a resource, in its form in the admin."""

from __future__ import annotations

from datetime import time
from itertools import combinations
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from bookings.models import Location, WorkingHours

END_OF_DAY = "24:00"


class MinutesWidget(forms.TimeInput):
    """Shows a time without its seconds, unless it has some."""

    def format_value(self, value: Any) -> str | None:
        text = super().format_value(value)
        return text.removesuffix(":00") if text and text.count(":") == 2 else text


class ClosingTimeField(forms.TimeField):
    """A time that also takes 24:00: the end of the day, which is stored as 00:00."""

    def to_python(self, value: Any) -> time | None:
        return super().to_python("00:00" if value in (END_OF_DAY, f"{END_OF_DAY}:00") else value)

    def prepare_value(self, value: Any) -> Any:
        return END_OF_DAY if value == time(0) else value


class WorkingHoursForm(forms.ModelForm):
    opens_at = forms.TimeField(widget=MinutesWidget)
    closes_at = ClosingTimeField(
        widget=MinutesWidget,
        help_text="24:00 is the end of the day. A time that is not after the opening is on the next day.",
    )

    class Meta:
        model = WorkingHours
        fields = ["location", "weekday", "opens_at", "closes_at"]


class WorkingHoursFormSet(forms.BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        rows = [form.instance for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        for first, second in combinations(rows, 2):
            if first.overlaps(second):
                raise forms.ValidationError(
                    f"{first} at {first.location} overlaps {second} at {second.location}. Change or delete one of them."
                )


class WorkingHoursInline(admin.StackedInline):
    model = WorkingHours
    form = WorkingHoursForm
    formset = WorkingHoursFormSet
    extra = 0
    fieldsets: ClassVar = [(None, {"fields": [("location", "weekday", "opens_at", "closes_at")]})]  # wraps on a phone

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "location":
            kwargs["initial"] = only_location()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


def only_location() -> Location | None:
    """Return the location of a business that has one, as the default of forms."""
    locations = Location.objects.all()[:2]
    return locations[0] if len(locations) == 1 else None
