from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("foundation", "0002_callback_source"),
    ]

    operations = [
        migrations.AlterConstraint(
            model_name="ratelimitcounter",
            name="one_counter_per_window",
            constraint=models.UniqueConstraint(
                fields=("limit", "key", "since"),
                name="one_counter_per_window",
                violation_error_message="This window already has a counter.",
            ),
        ),
    ]
