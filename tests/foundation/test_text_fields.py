import pytest
from django.core.exceptions import ValidationError

from bookings.models import Category, Location, Resource, ScheduleException, Service
from desk.forms import DeskPaymentForm
from payments.pages.forms import RefundForm, ReviewForm


@pytest.mark.parametrize("model", [Category, Location, Resource, Service])
@pytest.mark.parametrize("name", ["\u200b", "Massage\u202e", "Mas\x00sage"])
def test_model_refuses_a_name_that_cannot_be_read(model, name):
    with pytest.raises(ValidationError):
        model._meta.get_field("name").clean(name, model())


def test_model_normalizes_texts_before_it_measures_them():
    name = Category._meta.get_field("name").clean("e\u0301" * 80, Category())
    reason = ScheduleException._meta.get_field("reason").clean("Diwali\u202e\nholiday", ScheduleException())
    description = Service._meta.get_field("description").clean("One\r\ntwo\u200b", Service())

    assert (name, reason, description) == ("\u00e9" * 80, "Diwali holiday", "One\ntwo")


def test_form_of_a_model_measures_the_normalized_text():
    field = Category._meta.get_field("name").formfield()

    assert field.clean("e\u0301" * 80) == "\u00e9" * 80
    with pytest.raises(ValidationError):
        field.clean("e" * 81)


@pytest.mark.parametrize(("form", "field"), [(DeskPaymentForm, "note"), (RefundForm, "reason"), (ReviewForm, "note")])
def test_notes_of_money_are_cleaned(form, field):
    assert form.base_fields[field].clean("Paid\u202e\r\nin \x07cash") == "Paid in cash"


@pytest.mark.parametrize(("form", "field"), [(RefundForm, "reason"), (ReviewForm, "note")])
def test_required_reason_needs_a_visible_character(form, field):
    with pytest.raises(ValidationError):
        form.base_fields[field].clean("\u200b\u202e")
