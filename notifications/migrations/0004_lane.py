from django.db import migrations

from foundation.migration_operations import rename_model_permissions


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0003_planned_at'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.RenameModel(old_name='Dispatcher', new_name='Lane'),
        migrations.RenameField(model_name='lane', old_name='slot', new_name='number'),
        rename_model_permissions('notifications', 'dispatcher', 'lane'),
    ]
