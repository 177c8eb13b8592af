from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0013_channel_faults")]

    operations = [
        migrations.AlterField(model_name="attempt", name="number", field=models.PositiveIntegerField()),
    ]
