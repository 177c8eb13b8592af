"""Detect edit conflicts: a form that was rendered before another person saved the same page.

Values are what a browser sends for a form, so that shown, stored and sent values compare directly.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django import forms
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core import signing
from django.http import QueryDict
from django.utils.choices import flatten_choices

Values = dict[str, list[str]]

MAIN = ""  # the prefix of the page's own form, and the key of its only row
SHOWN_VALUES = "shown_values"  # the name of the input with the token
PRIMARY_KEY, DELETE = "id", "DELETE"  # fields of each row of a formset
INTRODUCTION = "This page was changed while you were editing it. Nothing is saved yet: check it, then save again."


@dataclass(frozen=True)
class FieldText:
    """How a field is shown to people."""

    label: str
    field: forms.Field
    is_hidden: bool

    def format(self, values: list[str]) -> str:
        if isinstance(self.field, forms.BooleanField):
            return "yes" if values else "no"
        choices: Any = flatten_choices(getattr(self.field, "choices", []))
        labels = {str(value): str(label) for value, label in choices}
        return ", ".join(labels.get(value, value) for value in values if value) or "empty"


@dataclass(frozen=True)
class Page:
    """The values of the forms on a page: by the form's prefix, by primary key, by field."""

    rows: dict[str, dict[str, Values]]
    texts: dict[str, dict[str, FieldText]]

    @classmethod
    def of_forms(cls, form: Any, formsets: Iterable[Any]) -> Page:
        """Return the values of unbound forms: those that are stored."""
        rows, texts = {MAIN: {MAIN: _values_of(form)}}, {MAIN: _texts_of(form)}
        for formset in formsets:
            rows[formset.prefix] = {str(row.instance.pk): _values_of(row) for row in formset.initial_forms}
            texts[formset.prefix] = _texts_of(formset.empty_form)
        return cls(rows, texts)

    @property
    def token(self) -> str:
        """The values as a signed text, which the form carries as ``SHOWN_VALUES``."""
        return signing.dumps(self.rows, salt=SHOWN_VALUES, compress=True)

    def rebase(self, sent: QueryDict) -> list[str]:
        """Carry the changes that ``sent`` makes over to these values, and return what else has changed since.

        A field that the sender left as it was shown gets its stored value; the others keep what was entered. The form
        of a row that was removed since becomes that of a new row if it was changed, and a row that was added since
        appears. Without a token, such as from a script, nothing is compared.
        """
        try:
            shown = signing.loads(sent.get(SHOWN_VALUES, ""), salt=SHOWN_VALUES)
        except signing.BadSignature:
            return []
        if shown == self.rows:
            return []
        main = dict(sent.lists())
        differences = self._merge(MAIN, main, shown[MAIN][MAIN], self.rows[MAIN][MAIN])
        _set_values(sent, {name: main.get(name, []) for name in self.texts[MAIN]})
        for prefix in self.rows.keys() - {MAIN}:
            differences += self._rebase_rows(prefix, sent, shown.get(prefix, {}))
        return [INTRODUCTION, *differences] if differences else []

    def _merge(self, prefix: str, sent: Values, shown: Values, stored: Values) -> list[str]:
        differences = []
        for name, text in self.texts[prefix].items():
            was, now, entered = (values.get(name, []) for values in (shown, stored, sent))
            if _is_same(was, now) or _is_same(entered, now):
                continue
            if _is_same(entered, was):
                sent[name] = now
                note = f"it was “{text.format(was)}”, and now “{text.format(now)}” is stored."
            else:
                note = f"you entered “{text.format(entered)}”, and now “{text.format(now)}” is stored."
            row = "" if prefix == MAIN else f"{self._title(prefix, shown)} – "
            differences.append(f"{row}{text.label}: {note}")
        return differences

    def _rebase_rows(self, prefix: str, sent: QueryDict, shown: dict[str, Values]) -> list[str]:
        stored = self.rows[prefix]
        rows, new = _pop_rows(prefix, sent)
        existing, differences = [], []
        for row in rows:
            key = "".join(row.get(PRIMARY_KEY, []))
            if key in stored:
                differences += self._merge(prefix, row, shown.get(key, {}), stored[key])
                existing.append(row)
            elif DELETE not in row:
                note = "has been removed."
                if _is_changed(row, shown.get(key, {})):
                    new.insert(0, {**row, PRIMARY_KEY: [""]})
                    note = "has been removed. Saving adds it again, with your changes."
                differences.append(f"{self._title(prefix, shown.get(key, row))} {note}")
        for key in sorted(stored.keys() - shown.keys()):
            existing.append(stored[key])
            differences.append(f"{self._title(prefix, stored[key])} has been added.")
        _push_rows(prefix, sent, existing, new)
        return differences

    def _title(self, prefix: str, row: Values) -> str:
        texts = {name: text for name, text in self.texts[prefix].items() if not text.is_hidden and name != DELETE}
        return ", ".join(text.format(row.get(name, [])) for name, text in texts.items())


def describe_changes(form: Any) -> list[str]:
    """Describe each change that a valid form makes, with the old and the new value."""
    return [_describe_change(form[name], form.cleaned_data.get(name)) for name in form.changed_data]


def _describe_change(bound: Any, new_value: Any) -> str:
    text = FieldText(str(bound.label), bound.field, bound.is_hidden)
    old, new = (_sent_values(bound.field, value) for value in (bound.initial, new_value))
    if isinstance(bound.field, forms.ModelMultipleChoiceField):
        added, removed = ([value for value in one if value not in other] for one, other in ((new, old), (old, new)))
        return f"{text.label} (added: {text.format(added)}; removed: {text.format(removed)})"
    return f"{text.label} (“{text.format(old)}” → “{text.format(new)}”)"


def _sent_values(field: forms.Field, value: Any) -> list[str]:
    return list(chain.from_iterable(_sent_by(field.widget, "", field.prepare_value(value)).values()))


def _values_of(form: Any) -> Values:
    enabled = (bound for bound in form if not bound.field.disabled)
    return dict(chain.from_iterable(_sent_by(b.field.widget, b.name, b.value()).items() for b in enabled))


def _sent_by(widget: Any, name: str, value: Any) -> Values:
    """Return what a browser sends for a widget with this value. An empty list stands for nothing."""
    if isinstance(widget, RelatedFieldWidgetWrapper):
        widget = widget.widget
    if isinstance(widget, forms.MultiWidget):
        names: list[str] = widget.widgets_names  # type: ignore[attr-defined]
        parts = zip(widget.widgets, names, widget.decompress(value) or [], strict=True)
        return dict(chain.from_iterable(_sent_by(part, name + suffix, v).items() for part, suffix, v in parts))
    if isinstance(widget, forms.CheckboxInput):
        return {name: ["on"] if widget.check_test(value) else []}
    formatted = widget.format_value(value)
    return {name: formatted if isinstance(formatted, list) else ["" if formatted is None else str(formatted)]}


def _texts_of(form: Any) -> dict[str, FieldText]:
    texts = {}
    for bound in form:
        for name in _sent_by(bound.field.widget, bound.name, None) if not bound.field.disabled else []:
            texts[name] = FieldText(str(bound.label), bound.field, bound.is_hidden)
    return texts


def _is_same(one: list[str], other: list[str]) -> bool:
    """Return whether both are equal for a browser, which sends its own line ends and its own order."""
    return sorted(value.splitlines() for value in one) == sorted(value.splitlines() for value in other)


def _is_changed(row: Values, shown: Values) -> bool:
    return any(not _is_same(row.get(name, []), values) for name, values in shown.items())


def _pop_rows(prefix: str, sent: QueryDict) -> tuple[list[Values], list[Values]]:
    """Remove the rows of a formset from ``sent``, and return the existing and the new ones."""
    rows: dict[int, Values] = defaultdict(dict)
    for name in list(sent):
        if match := re.fullmatch(rf"{re.escape(prefix)}-(\d{{1,6}})-(\w+)", name):
            rows[int(match[1])][match[2]] = sent.getlist(name)
            del sent[name]
    in_order = [rows[number] for number in sorted(rows)]
    new = [row for row in in_order if row.get(PRIMARY_KEY, [""]) == [""]]
    return [row for row in in_order if row not in new], new


def _push_rows(prefix: str, sent: QueryDict, existing: list[Values], new: list[Values]) -> None:
    for number, row in enumerate([*existing, *new]):
        _set_values(sent, {f"{prefix}-{number}-{name}": values for name, values in row.items()})
    sent[f"{prefix}-INITIAL_FORMS"] = str(len(existing))
    sent[f"{prefix}-TOTAL_FORMS"] = str(len(existing) + len(new))


def _set_values(sent: QueryDict, values: Values) -> None:
    for name, value in values.items():
        sent.pop(name, None)
        if value:
            sent.setlist(name, value)
