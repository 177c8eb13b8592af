"""The log of payments stays append-only, except that erasing a customer's data replaces the note."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION payments_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- NEW is NULL if the row is deleted.
    IF to_jsonb(NEW) - 'note' IS NOT DISTINCT FROM to_jsonb(OLD) - 'note' AND NEW.note IN (OLD.note, 'Erased') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The log of payments is append-only.';
END $$
"""
EARLIER_FUNCTION = """
CREATE OR REPLACE FUNCTION payments_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'The log of payments is append-only.'; END $$
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0014_desk_payment_kinds")]

    operations = [migrations.RunSQL(FUNCTION, EARLIER_FUNCTION)]
