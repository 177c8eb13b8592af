from django.db import migrations, models

FILL = [
    "UPDATE payments_payment SET paid_at = coalesce(captured_at, created_at)",
    "UPDATE payments_refund SET refunded_at = processed_at",
]


class Migration(migrations.Migration):
    dependencies = [("payments", "0007_reviewed_at")]

    operations = [
        migrations.RemoveIndex(model_name="payment", name="payment_by_capture"),
        migrations.AddField(
            model_name="payment",
            name="paid_at",
            field=models.DateTimeField(
                help_text="When the customer paid, by the gateway's clock if it says so.", null=True
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="refunded_at",
            field=models.DateTimeField(help_text="When it began, by the gateway's clock if it says so.", null=True),
        ),
        migrations.AlterField(
            model_name="payment",
            name="captured_at",
            field=models.DateTimeField(help_text="When the capture was recorded.", null=True),
        ),
        migrations.AlterField(
            model_name="refund",
            name="processed_at",
            field=models.DateTimeField(help_text="When its processing was recorded.", null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(model_name="payment", index=models.Index(fields=["paid_at"], name="payment_by_time")),
    ]
