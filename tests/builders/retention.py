"""Run the purge of one model."""

from __future__ import annotations

from django.db.models import Model

from foundation.personal_data import registered_personal_data
from foundation.retention import purge_expired


def purge(model: type[Model]) -> int:
    """Purge the rows of ``model`` that are past their retention; return how many."""
    (declaration,) = [each for each in registered_personal_data() if each.model is model]
    return purge_expired(declaration)
