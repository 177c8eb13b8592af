"""Desk payments get a kind in place of a flag, and stay as they were recorded: only voiding changes them."""

from django.db import migrations, models

METHODS = [("cash", "Cash"), ("card", "Card"), ("transfer", "Bank or UPI transfer")]
KINDS = [("taken", "Taken"), ("paid_out", "Paid out"), ("written_off", "Written off")]

# NEW is NULL if the row is deleted. The note may be blanked: it may name a customer whose data is erased.
TRIGGER = """
CREATE FUNCTION payments_desk_payment_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.voided_at IS NOT NULL AND (NEW.voided_at, NEW.voided_by) IS DISTINCT FROM (OLD.voided_at, OLD.voided_by)
       OR (NEW.id, NEW.booking_id, NEW.kind, NEW.method, NEW.amount_minor, NEW.currency, NEW.taken_by, NEW.taken_at)
       IS DISTINCT FROM
       (OLD.id, OLD.booking_id, OLD.kind, OLD.method, OLD.amount_minor, OLD.currency, OLD.taken_by, OLD.taken_at)
    THEN
        RAISE EXCEPTION 'Desk payments are never changed. Void this one, and record the correct one.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER desk_payment_is_kept BEFORE UPDATE OR DELETE ON payments_deskpayment
FOR EACH ROW EXECUTE FUNCTION payments_desk_payment_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0013_resume_by_caller")]

    operations = [
        migrations.AlterModelOptions(
            name="payment",
            options={
                "ordering": ["-created_at"],
                "permissions": [
                    ("refund_payment", "Can refund payments"),
                    ("review_payment", "Can review payments, exceed the refund policy, write off, and void on a later day"),
                ]
            },
        ),
        migrations.AddField(
            model_name="deskpayment",
            name="kind",
            field=models.CharField(choices=KINDS, default="taken", max_length=12),
            preserve_default=False,
        ),
        migrations.RunSQL(
            "UPDATE payments_deskpayment SET kind = 'paid_out' WHERE is_payout",
            "UPDATE payments_deskpayment SET is_payout = kind = 'paid_out'",
        ),
        migrations.RemoveField(model_name="deskpayment", name="is_payout"),
        migrations.AlterField(
            model_name="deskpayment",
            name="method",
            field=models.CharField(blank=True, choices=METHODS, max_length=10),
        ),
        migrations.AddConstraint(
            model_name="deskpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(kind="written_off", method="")
                | (~models.Q(kind="written_off") & ~models.Q(method="")),
                name="money_has_a_method_and_a_write_off_has_none",
                violation_error_message="Choose a method, unless the amount is written off.",
            ),
        ),
        migrations.RunSQL(
            TRIGGER,
            "DROP TRIGGER desk_payment_is_kept ON payments_deskpayment; DROP FUNCTION payments_desk_payment_is_kept();",
        ),
    ]
