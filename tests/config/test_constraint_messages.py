from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import BaseConstraint

PACKAGES = {path.parent.name for path in Path(settings.BASE_DIR).glob("*/__init__.py")}
CONSTRAINTS = {
    f"{model._meta.label}.{constraint.name}": constraint
    for model in apps.get_models()
    if model.__module__.split(".")[0] in PACKAGES
    for constraint in model._meta.constraints
}


def test_constraints_of_every_app_are_found():
    apps_with_constraints = {label.split(".")[0] for label in CONSTRAINTS}

    assert apps_with_constraints >= {"bookings", "payments", "notifications", "foundation"}


@pytest.mark.parametrize("label", CONSTRAINTS)
def test_constraint_has_its_own_message_in_plain_words(label):
    message = str(CONSTRAINTS[label].violation_error_message)

    assert message != str(BaseConstraint.default_violation_error_message), "Add a violation_error_message for staff."
    assert message.endswith(".")
    assert CONSTRAINTS[label].name not in message
    assert "_" not in message
