from django.db import migrations, models

MARK_REVIEWED = "UPDATE payments_payment SET reviewed_at = now() WHERE disposition = 'confirms' AND review_reason <> ''"

# A payment captured after its booking had ended kept counting towards it. Staff decide about it now, unless it has been
# refunded.
STOP_COUNTING = """
    WITH ended AS (
        UPDATE payments_payment p SET
            disposition = CASE WHEN p.amount_minor > (
                SELECT coalesce(sum(r.amount_minor), 0) FROM payments_refund r
                WHERE r.payment_id = p.id AND r.state <> 'failed') THEN 'review' ELSE 'refund_due' END,
            review_reason = 'The booking had ended before the payment was captured.'
        FROM bookings_booking b
        WHERE b.id = p.booking_id AND p.disposition = 'confirms' AND b.status IN ('cancelled', 'declined', 'expired')
        RETURNING p.id, p.order_id, p.disposition, p.review_reason)
    INSERT INTO payments_paymentlog (order_id, payment_id, moved_from, moved_to, source, note)
    SELECT order_id, id, 'confirms', disposition, 'upgrade', review_reason FROM ended
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0006_wording")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="reviewed_at",
            field=models.DateTimeField(help_text="When staff decided about it.", null=True),
        ),
        migrations.RunSQL(MARK_REVIEWED, migrations.RunSQL.noop),
        migrations.RunSQL(STOP_COUNTING, migrations.RunSQL.noop),
    ]
