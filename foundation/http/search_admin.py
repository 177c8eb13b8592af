"""Admin base class for models that are searched by their own rule, which is their QuerySet method ``matching``."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class SearchAdmin(admin.ModelAdmin):
    search_fields = ["pk"]  # Django shows the search box only if there is any

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Return the rows that match, each once."""
        text = search_term.strip()
        return (queryset.matching(text) if text else queryset), False
