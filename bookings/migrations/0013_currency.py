from django.db import migrations, models

from foundation.money import validate_currency


class Migration(migrations.Migration):
    dependencies = [("bookings", "0012_search")]

    operations = [
        migrations.AlterField(
            model_name="service",
            name="currency",
            field=models.CharField(default="INR", max_length=3, validators=[validate_currency]),
        ),
        migrations.AlterField(
            model_name="service",
            name="deposit_minor",
            field=models.PositiveBigIntegerField(default=0, help_text="For payment by deposit."),
        ),
        migrations.AlterField(
            model_name="service", name="price_minor", field=models.PositiveBigIntegerField(default=0)
        ),
    ]
