import django.db.models.deletion
from django.db import migrations, models

# The deduplication key of a message that a booking event caused begins with the event's id.
FILL_EVENT = """
    UPDATE notifications_notification n SET event_id = e.id
    FROM bookings_bookingevent e
    WHERE e.booking_id = n.booking_id AND e.id::text = split_part(n.dedupe_key, ':', 1)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0004_lane'),
        ('bookings', '0009_event_kinds_and_actor_kind'),
    ]

    operations = [
        migrations.AddField(
            model_name='notification',
            name='event',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bookings.bookingevent'),
        ),
        migrations.RunSQL(FILL_EVENT, migrations.RunSQL.noop),
    ]
