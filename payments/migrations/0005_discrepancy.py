from django.db import migrations, models

from foundation.migration_operations import rename_model_permissions


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0004_repeat_without_key'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='finding', name='closed_finding_says_by_whom'),
        migrations.RenameModel(old_name='Finding', new_name='Discrepancy'),
        rename_model_permissions('payments', 'finding', 'discrepancy'),
        migrations.AddConstraint(
            model_name='discrepancy',
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ('closed_at__isnull', True),
                    models.Q(models.Q(('closed_by', ''), _negated=True), models.Q(('resolution', ''), _negated=True)),
                    _connector='OR',
                ),
                name='closed_discrepancy_names_who_and_why',
            ),
        ),
        # foundation.PeriodicTask replaces it; each task is due at once.
        migrations.DeleteModel(name='Sweep'),
    ]
