import django.db.models.deletion
from django.db import migrations, models

# Earlier revisions processed the events of disputes as those of payments.
PROCESS_AGAIN = """
    UPDATE payments_gatewayevent SET next_try_at = now(), attempts = 0
    WHERE kind LIKE 'payment.dispute.%' AND body IS NOT NULL
"""

PHASES = [
    ("fraud", "Suspected fraud"),
    ("retrieval", "Request for information"),
    ("chargeback", "Chargeback"),
    ("pre_arbitration", "Pre-arbitration"),
    ("arbitration", "Arbitration"),
]
STATES = [
    ("open", "Awaits our response"),
    ("under_review", "Under review by the bank"),
    ("won", "Won"),
    ("lost", "Lost"),
    ("closed", "Closed"),
]


class Migration(migrations.Migration):
    dependencies = [("payments", "0010_customer_fee")]

    operations = [
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("razorpay_dispute_id", models.CharField(max_length=40, unique=True)),
                ("amount_minor", models.PositiveBigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("phase", models.CharField(choices=PHASES, max_length=15)),
                ("state", models.CharField(choices=STATES, max_length=12)),
                (
                    "deducted_minor",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="What the gateway took from the business, because the dispute was lost.",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=250)),
                (
                    "respond_by",
                    models.DateTimeField(help_text="When the response must have reached the gateway.", null=True),
                ),
                ("opened_at", models.DateTimeField(help_text="By the gateway's clock if it says so.")),
                ("reported_at", models.DateTimeField(help_text="The time of the latest report that was applied.")),
                ("decided_at", models.DateTimeField(help_text="When it was won, lost or closed.", null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="disputes", to="payments.payment"
                    ),
                ),
            ],
            options={
                "ordering": ["-opened_at"],
                "indexes": [models.Index(fields=["decided_at"], name="dispute_by_decision")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at__isnull", True), ("state__in", ["open", "under_review"])),
                            models.Q(("decided_at__isnull", False), ("state__in", ["won", "lost", "closed"])),
                            _connector="OR",
                        ),
                        name="only_a_decided_dispute_says_when",
                        violation_error_message="A decided dispute needs the time of the decision; others have none.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "lost"), ("deducted_minor", 0), _connector="OR"),
                        name="only_a_lost_dispute_deducts",
                        violation_error_message="Only a lost dispute deducts money.",
                    ),
                ],
            },
        ),
        migrations.AlterConstraint(
            model_name="payment",
            name="fee_is_part_of_the_payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("customer_fee_minor__lte", models.F("amount_minor"))),
                name="fee_is_part_of_the_payment",
                violation_error_message="The fee cannot be higher than the payment.",
            ),
        ),
        migrations.RunSQL(PROCESS_AGAIN, migrations.RunSQL.noop),
    ]
