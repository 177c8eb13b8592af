from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0014_constraint_messages"),
        ("notifications", "0016_opt_out"),
    ]

    operations = [
        migrations.AlterConstraint(
            model_name="channelstate",
            name="paused_means_with_cause",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("pause_cause", ""), ("paused_since__isnull", True)),
                    models.Q(
                        ("failures__gt", 0),
                        ("paused_since__isnull", False),
                        ("paused_until__isnull", False),
                        models.Q(("pause_cause", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="paused_means_with_cause",
                violation_error_message="A paused channel needs a cause, a number of failures and an end of the pause.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="notification",
            name="sending_means_leased",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "sending"), _negated=True),
                    models.Q(("lease_token__isnull", False), ("lease_until__isnull", False)),
                    _connector="OR",
                ),
                name="sending_means_leased",
                violation_error_message="A notification that is being sent needs a lease.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="notification",
            name="one_notification_per_provider_id",
            constraint=models.UniqueConstraint(
                condition=models.Q(("provider_id", ""), _negated=True),
                fields=("provider_id",),
                name="one_notification_per_provider_id",
                violation_error_message="Another notification has this id of the provider.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="notification",
            name="unknown_means_since_when",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "unknown"), _negated=True), ("unknown_since__isnull", False), _connector="OR"
                ),
                name="unknown_means_since_when",
                violation_error_message="An unknown outcome needs the time since which it is unknown.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="notification",
            name="one_notification_per_cause",
            constraint=models.UniqueConstraint(
                fields=("dedupe_key",),
                name="one_notification_per_cause",
                violation_error_message="This notification already exists.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="offperiod",
            name="one_open_off_period_per_channel",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until__isnull", True)),
                fields=("channel",),
                name="one_open_off_period_per_channel",
                violation_error_message="This channel is already switched off.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="receipt",
            name="one_receipt_per_status",
            constraint=models.UniqueConstraint(
                fields=("provider_id", "provider_status"),
                name="one_receipt_per_status",
                violation_error_message="This delivery receipt is already recorded.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="suppression",
            name="one_suppression_per_address",
            constraint=models.UniqueConstraint(
                fields=("channel", "address"),
                name="one_suppression_per_address",
                violation_error_message="This address is already suppressed on this channel.",
            ),
        ),
    ]
