from django.db import migrations, models

# The first word of the actor's text was its kind.
FILL_ACTOR_KIND = """
    UPDATE bookings_bookingevent SET actor_kind = split_part(actor, ' ', 1)
    WHERE split_part(actor, ' ', 1) IN ('customer', 'staff', 'integration', 'gateway')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('bookings', '0008_delete_usage'),
    ]

    operations = [
        migrations.AddField(
            model_name='bookingevent',
            name='actor_kind',
            field=models.CharField(choices=[('customer', 'Customer'), ('staff', 'Staff'), ('integration', 'Integration'), ('system', 'System'), ('gateway', 'Gateway')], default='system', max_length=12),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL_ACTOR_KIND, migrations.RunSQL.noop),
    ]
