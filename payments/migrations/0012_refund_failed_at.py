from django.db import migrations, models

FILL = """
    UPDATE payments_refund r SET failed_at = coalesce(
        (SELECT max(l.at) FROM payments_paymentlog l WHERE l.refund_id = r.id AND l.moved_to = 'failed'), r.created_at)
    WHERE r.state = 'failed'
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0011_dispute")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="failed_at",
            field=models.DateTimeField(help_text="When its failure was recorded.", null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
