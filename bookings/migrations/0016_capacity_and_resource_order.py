import django.db.models.deletion
from django.db import migrations, models

# For a return to the version before, in which each session had a capacity of its own.
FILL_CAPACITY = """
    UPDATE bookings_session SET capacity = greatest(s.capacity, booked)
    FROM bookings_service s WHERE s.id = service_id
"""


class Migration(migrations.Migration):
    dependencies = [("bookings", "0015_reschedules_by_customers")]

    operations = [
        migrations.RemoveConstraint(model_name="session", name="nobody_without_a_place"),
        migrations.RunSQL(migrations.RunSQL.noop, FILL_CAPACITY),
        migrations.AlterField("session", "capacity", models.PositiveSmallIntegerField(default=1)),
        migrations.RemoveField(model_name="session", name="capacity"),
        migrations.AddField(
            model_name="booking",
            name="requested_resource",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="bookings.resource",
            ),
        ),
        migrations.AddField(
            model_name="service",
            name="resource_order",
            field=models.CharField(
                choices=[
                    ("least_booked", "The one that is booked for the shortest time that day"),
                    ("by_name", "The first one by name"),
                ],
                default="least_booked",
                help_text="Which of the free resources is booked if the customer asks for none.",
                max_length=12,
                verbose_name="any resource",
            ),
        ),
    ]
