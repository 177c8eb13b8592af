"""Fields of models, forms and serializers for names and free text, all by the rules of ``texts``.

In migrations the model fields are ordinary ones: they change what is accepted, not what is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from rest_framework import serializers

from foundation.texts import clean_line, clean_text, normalize_name

if TYPE_CHECKING:
    Field = models.Field[str, str]
    PlainCharField = models.CharField[str, str]
    PlainTextField = models.TextField[str, str]
else:
    Field, PlainCharField, PlainTextField = models.Field, models.CharField, models.TextField


class _FormField(forms.CharField):
    rule: ClassVar[staticmethod[[str], str]]

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return self.rule(text) if text else text


class NameFormField(_FormField):
    rule = staticmethod(normalize_name)


class LineFormField(_FormField):
    """Free text on one line."""

    rule = staticmethod(clean_line)


class TextFormField(_FormField):
    """Free text, which may have several lines."""

    rule = staticmethod(clean_text)


class _ModelField(Field):
    form_class: ClassVar[type[_FormField]]
    plain_class: ClassVar[str]

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        # Not in to_python, which also prepares values for queries: rows from before a rule must stay usable.
        text = self.to_python(value)
        return super().clean(self.form_class.rule(text) if text else text, model_instance)

    def formfield(self, *args: Any, **kwargs: Any) -> Any:
        return super().formfield(*args, **{"form_class": self.form_class, **kwargs})

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, self.plain_class, args, kwargs


class NameField(_ModelField, PlainCharField):
    form_class, plain_class = NameFormField, "django.db.models.CharField"


class LineField(_ModelField, PlainCharField):
    """Free text on one line."""

    form_class, plain_class = LineFormField, "django.db.models.CharField"


class TextField(_ModelField, PlainTextField):
    """Free text, which may have several lines."""

    form_class, plain_class = TextFormField, "django.db.models.TextField"


class NameSerializerField(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        try:
            return normalize_name(super().to_internal_value(data))
        except ValidationError as error:
            raise serializers.ValidationError(error.message) from error


class TextSerializerField(serializers.CharField):
    """Free text, which may have several lines."""

    def to_internal_value(self, data: Any) -> str:
        return clean_text(super().to_internal_value(data))
