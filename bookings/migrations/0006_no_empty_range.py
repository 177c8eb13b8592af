import sys

from django.db import migrations, models

# Before buffers were counted in UTC, a visit after a DST transition could block nothing. It blocks its own time, unless
# another visit occupies the resource during it: then no_double_booking refuses it, so its allocation becomes inactive.
WIDEN = """
    UPDATE bookings_allocation a SET
        blocked = tstzrange(o.starts_at, o.ends_at),
        is_active = a.is_active AND NOT EXISTS (
            SELECT FROM bookings_allocation b WHERE b.is_active AND b.id <> a.id
            AND b.resource_id = a.resource_id AND b.blocked && tstzrange(o.starts_at, o.ends_at))
    FROM (
        SELECT id AS booking_id, NULL::bigint AS session_id, starts_at, ends_at FROM bookings_booking UNION ALL
        SELECT NULL, id, starts_at, ends_at FROM bookings_session) o
    WHERE a.id = %s AND (a.booking_id = o.booking_id OR a.session_id = o.session_id)
    RETURNING a.is_active"""

# A session has no reference of its own, so the report names its bookings.
DESCRIBE = """
    SELECT string_agg(b.reference, ', ' ORDER BY b.reference), r.name, to_char(min(b.starts_at) AT TIME ZONE 'UTC',
        'YYYY-MM-DD HH24:MI "UTC"')
    FROM bookings_allocation a JOIN bookings_resource r ON r.id = a.resource_id
        JOIN bookings_booking b ON b.id = a.booking_id OR b.session_id = a.session_id
    WHERE a.id = %s AND b.status IN ('held', 'pending', 'confirmed') GROUP BY r.name"""


def widen_empty_ranges(apps, schema_editor):
    """Let each allocation block at least its own visit; report those that overlap another one."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id, is_active FROM bookings_allocation WHERE isempty(blocked) ORDER BY id")
        for key, was_active in cursor.fetchall():  # one by one: two widened ranges may overlap each other
            cursor.execute(WIDEN, [key])
            (is_active,) = cursor.fetchone()
            if was_active and not is_active:
                cursor.execute(DESCRIBE, [key])
                for references, resource, starts_at in cursor.fetchall():
                    sys.stdout.write(
                        f"\nBooking {references}: {resource} has another visit at {starts_at}. Reschedule one of them; "
                        "manage.py check_invariants lists this booking until then.\n"
                    )


class Migration(migrations.Migration):

    dependencies = [
        ('bookings', '0005_indexes'),
    ]

    operations = [
        migrations.RunPython(widen_empty_ranges, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.CheckConstraint(condition=models.Q(('blocked__isempty', False)), name='some_time_is_blocked'),
        ),
    ]
