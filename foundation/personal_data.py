"""Declarations of the personal data in each model. The apps register them in ``AppConfig.ready``.

Export, erasure and retention derive from them, so a field that states nothing fails the build
(``find_undeclared_fields``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import Case, Field, JSONField, Model, Q, QuerySet, Value, When

from foundation.background_tasks import register_purge
from foundation.retention import purge_of

ERASED = "Erased"  # in place of a text that must not become empty

# The models of other packages, by app: no customer's data, unless a declaration says otherwise.
THIRD_PARTY_APPS = {
    "admin": "who changed which row; bookings declares the entries about customers",
    "auth": "staff, their groups and permissions",
    "contenttypes": "names of models",
    "otp_static": "recovery codes of staff",
    "otp_totp": "second factors of staff",
    "django_q": "jobs, which carry ids only",
}


@dataclass(frozen=True)
class Retention:
    """``setting`` names the days after ``since`` when rows are deleted or, if it names fields, these ``blanks`` are."""

    setting: str
    since: str
    blanks: Sequence[str] = ()
    condition: Q = field(default_factory=Q)


@dataclass(frozen=True)
class Declaration:
    """What the fields of ``model`` hold. Each field is in exactly one of these groups.

    ``blanked``: exported, then emptied by erasure. ``masked``: the same, but a text that was given becomes "Erased",
    because a rule needs one. ``replaced``: exported, then set to this value or expression. ``hidden``: identifies the
    person to programs only, so not exported, and set to this value. ``accounts``: exported, and kept by erasure.
    ``other``: not about the customer. ``rows`` returns the rows of a customer. ``erase`` erases these rows in
    a way of its own, such as to delete them.
    """

    model: type[Model]
    other: Sequence[str]
    title: str = ""
    rows: Callable[[Any], QuerySet[Any]] | None = None
    blanked: Sequence[str] = ()
    masked: Sequence[str] = ()
    replaced: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=dict)
    accounts: Sequence[str] = ()
    erase: Callable[[QuerySet[Any]], object] | None = None
    retention: Retention | None = None

    @property
    def exported(self) -> list[str]:
        """Return the fields that the export contains."""
        return [*self.replaced, *self.accounts, *self.blanked, *self.masked]

    @property
    def declared(self) -> list[str]:
        """Return the fields that it states anything about."""
        return [*self.exported, *self.hidden, *self.other]

    def erased_values(self) -> dict[str, Any]:
        """Return the values that erasure sets."""
        values = {name: _empty_value(self.model._meta.get_field(name)) for name in self.blanked}
        values |= {name: Case(When(**{name: ""}, then=Value("")), default=Value(ERASED)) for name in self.masked}
        return {**values, **self.replaced, **self.hidden}


_declarations: list[Declaration] = []


def register_personal_data(declarations: Sequence[Declaration]) -> None:
    """Register what the models of an app hold, and the purges of what they keep for a time only."""
    _declarations.extend(declarations)
    for each in declarations:
        if each.retention:
            register_purge(purge_of(each))


def registered_personal_data() -> Sequence[Declaration]:
    return _declarations


def find_undeclared_fields() -> list[str]:
    """Return the fields that no declaration names, or several, and the names that are not fields. Empty: complete."""
    problems = []
    for model in apps.get_models(include_auto_created=True):
        own = [each for each in _declarations if each.model is model]
        if not own and (model._meta.app_label in THIRD_PARTY_APPS or model._meta.auto_created):
            continue
        counts = Counter(name for each in own for name in each.declared)
        fields = {each.name for each in (*model._meta.local_fields, *model._meta.local_many_to_many)}
        problems += [f"{model._meta.label}.{name}" for name in fields if counts[name] != 1]
        problems += [f"{model._meta.label}.{name}: unknown field" for name in set(counts) - fields]
        problems += [f"{model._meta.label}: rows" for each in own if each.exported and not each.rows]
    return sorted(problems)


def export_personal_data(customer: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the personal data of ``customer``, by title: the declared fields of each row."""
    data: dict[str, list[dict[str, Any]]] = {}
    for each in _declarations:
        if each.rows and each.exported:
            related = [name for name in each.exported if each.model._meta.get_field(name).is_relation]
            rows = each.rows(customer).order_by("pk")
            if related:
                rows = rows.select_related(*related)
            data.setdefault(each.title, []).extend(_represent(row, each.exported) for row in rows)
    return data


def erase_personal_data(customer: Any) -> None:
    """Erase the personal data of ``customer`` and keep the accounts. Call it in a transaction.

    All rows are found before the first one changes, because some are found by what others contain. They are locked in
    the order of the declarations and of their keys: no deadlocks.
    """
    found = [
        (each, list(each.rows(customer).order_by("pk").values_list("pk", flat=True)))
        for each in _declarations
        if each.rows
    ]
    for each, keys in found:
        rows = each.model._base_manager.filter(pk__in=keys)
        list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk"))
        if each.erase:
            each.erase(rows)
        elif values := each.erased_values():
            rows.update(**values)


def _represent(row: Model, names: Sequence[str]) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Model) else value


def _empty_value(model_field: Any) -> Any:
    """Return NULL where the field allows it; else an empty object or text."""
    if isinstance(model_field, Field) and model_field.null:
        return None
    return {} if isinstance(model_field, JSONField) else ""
