from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_constraint_messages")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="customer_fee_minor",
            field=models.PositiveBigIntegerField(
                db_default=0,
                default=0,
                help_text="The part of the amount that is the gateway's fee, borne by the customer.",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("customer_fee_minor__lte", models.F("amount_minor"))),
                name="fee_is_part_of_the_payment",
            ),
        ),
    ]
