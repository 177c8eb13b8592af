from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0015_attempt_address")]

    operations = [
        migrations.AddField(
            model_name="inboundmessage",
            name="opt_out",
            field=models.CharField(
                blank=True,
                choices=[("", "None"), ("STOP", "Stop"), ("START", "Start"), ("HELP", "Help")],
                db_default="",
                max_length=8,
            ),
        ),
    ]
