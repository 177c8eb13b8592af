import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_outcome_by_class")]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="planned_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="When it is to go out, if all goes well.",
            ),
        ),
        # What was there before was due as soon as it was written.
        migrations.RunSQL("UPDATE notifications_notification SET planned_at = created_at", migrations.RunSQL.noop),
    ]
