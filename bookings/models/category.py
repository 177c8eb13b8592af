"""Categories of services."""

from __future__ import annotations

from django.db import models

from foundation.text_fields import NameField


class Category(models.Model):
    name = NameField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name
