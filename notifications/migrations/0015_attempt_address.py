from django.db import migrations, models

FILL_ADDRESS = """
    UPDATE notifications_attempt a SET address = n.address
    FROM notifications_notification n WHERE n.id = a.notification_id
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0014_attempt_number")]

    operations = [
        migrations.AddField(
            model_name="attempt", name="address", field=models.CharField(db_default="", max_length=254)
        ),
        migrations.RunSQL(FILL_ADDRESS, migrations.RunSQL.noop),
    ]
