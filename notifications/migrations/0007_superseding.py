from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# What earlier changes of bookings have made outdated: the messages about an event that is not the booking's latest.
SUPERSEDE_OUTDATED = """
    UPDATE notifications_notification n
    SET superseded_at = now(), status = CASE WHEN n.status IN ('queued', 'held') THEN 'superseded' ELSE n.status END
    FROM bookings_bookingevent e JOIN bookings_booking b ON b.id = e.booking_id
    WHERE e.id = n.event_id AND e.seq < b.version
      AND n.status IN ('queued', 'sending', 'unknown', 'held', 'failed', 'dead')
"""


class Migration(migrations.Migration):

    atomic = False  # no lock is held while the table is read

    dependencies = [
        ('bookings', '0011_service_help_texts'),
        ('notifications', '0006_wording'),
    ]

    operations = [
        migrations.AddField(
            model_name='notification',
            name='superseded_at',
            field=models.DateTimeField(help_text='When a change made it outdated, before it was accepted.', null=True),
        ),
        migrations.AlterField(
            model_name='notification',
            name='status',
            field=models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('accepted', 'Accepted'), ('delivered', 'Delivered'), ('read', 'Read'), ('undelivered', 'Undelivered'), ('failed', 'Failed'), ('dead', 'Dead'), ('unknown', 'Unknown'), ('held', 'On hold'), ('skipped', 'Skipped'), ('expired', 'Expired'), ('cancelled', 'Cancelled'), ('superseded', 'Superseded')], default='queued', max_length=12),
        ),
        AddIndexConcurrently(
            model_name='notification',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'held']), ('superseded_at__isnull', False)), fields=['superseded_at'], name='notification_superseded'),
        ),
        migrations.RunSQL(SUPERSEDE_OUTDATED, migrations.RunSQL.noop),
    ]
