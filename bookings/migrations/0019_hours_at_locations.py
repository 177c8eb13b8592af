import django.db.models.deletion
from django.db import migrations, models

# Existing hours are at the location of their resource.
COPY = [
    "INSERT INTO bookings_resource_locations (resource_id, location_id) SELECT id, location_id FROM bookings_resource",
    "UPDATE bookings_workinghours h SET location_id = r.location_id FROM bookings_resource r WHERE r.id = h.resource_id",
    # PostgreSQL alters no table that has foreign keys to check.
    "SET CONSTRAINTS ALL IMMEDIATE",
]
COPY_BACK = [
    """UPDATE bookings_resource r SET location_id = (
        SELECT min(l.location_id) FROM bookings_resource_locations l WHERE l.resource_id = r.id)""",
    "SET CONSTRAINTS ALL IMMEDIATE",
]


class Migration(migrations.Migration):
    dependencies = [("bookings", "0018_customers_without_email")]

    operations = [
        # An end that is not after the start is on the next day.
        migrations.RemoveConstraint("workinghours", "opens_before_it_closes"),
        migrations.AddField(
            "resource", "locations", models.ManyToManyField(related_name="resources", to="bookings.location")
        ),
        migrations.AddField(
            "workinghours",
            "location",
            models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="bookings.location"),
        ),
        migrations.AlterField(
            "resource",
            "location",
            models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="bookings.location"),
        ),
        migrations.RunSQL(COPY, COPY_BACK),
        migrations.AlterField(
            "workinghours",
            "location",
            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="bookings.location"),
        ),
        migrations.RemoveField("resource", "location"),
    ]
