from foundation.personal_data import (
    Declaration,
    find_undeclared_fields,
    register_personal_data,
    registered_personal_data,
)
from notifications.models import Attempt


def test_every_field_states_whether_it_holds_personal_data():
    assert find_undeclared_fields() == []


def test_find_undeclared_fields_lists_missing_repeated_and_unknown_fields(monkeypatch):
    declared = [each for each in registered_personal_data() if each.model is not Attempt]
    monkeypatch.setattr("foundation.personal_data._declarations", declared)
    without = find_undeclared_fields()
    register_personal_data([Declaration(Attempt, other=["id", "id", "number", "no_such_field"], blanked=["detail"])])

    problems = find_undeclared_fields()

    fields = [f"notifications.Attempt.{each.name}" for each in Attempt._meta.local_fields]
    assert without == sorted(fields)
    stated = {"notifications.Attempt.number", "notifications.Attempt.detail"}
    unknown = ["notifications.Attempt.no_such_field: unknown field", "notifications.Attempt: rows"]
    assert problems == sorted([*(set(fields) - stated), *unknown])
