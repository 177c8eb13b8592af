from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0014_constraint_messages"),
        ("payments", "0008_gateway_times"),
    ]

    operations = [
        migrations.AlterConstraint(
            model_name="deskpayment",
            name="desk_payment_moves_money",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)),
                name="desk_payment_moves_money",
                violation_error_message="Enter an amount above 0.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="deskpayment",
            name="voided_says_by_whom",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("voided_at__isnull", True), models.Q(("voided_by", ""), _negated=True), _connector="OR"
                ),
                name="voided_says_by_whom",
                violation_error_message="A void payment needs the name of the person who voided it.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="discrepancy",
            name="closed_discrepancy_names_who_and_why",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("closed_at__isnull", True),
                    models.Q(models.Q(("closed_by", ""), _negated=True), models.Q(("resolution", ""), _negated=True)),
                    _connector="OR",
                ),
                name="closed_discrepancy_names_who_and_why",
                violation_error_message="Closing a discrepancy needs a name and an explanation.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="payment",
            name="one_payment_confirms_a_booking",
            constraint=models.UniqueConstraint(
                condition=models.Q(("disposition", "confirms")),
                fields=("booking",),
                name="one_payment_confirms_a_booking",
                violation_error_message="Another payment already counts towards this booking.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="payment",
            name="only_proven_money_confirms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disposition", "confirms"), _negated=True),
                    ("captured_at__isnull", False),
                    ("signature_verified_at__isnull", False),
                    _connector="OR",
                ),
                name="only_proven_money_confirms",
                violation_error_message="A payment counts only once it is captured or its signature is verified.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="payment",
            name="captured_payment_says_when",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "captured"), _negated=True), ("captured_at__isnull", False), _connector="OR"
                ),
                name="captured_payment_says_when",
                violation_error_message="A captured payment needs the time of its capture.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="paymentorder",
            name="order_asks_for_money",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)),
                name="order_asks_for_money",
                violation_error_message="Enter an amount above 0.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="paymentorder",
            name="one_open_order_per_booking",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["creating", "open"])),
                fields=("booking",),
                name="one_open_order_per_booking",
                violation_error_message="This booking already has an open order.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="paymentorder",
            name="open_order_is_known_to_the_gateway",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["creating", "rejected", "closed"]),
                    ("razorpay_order_id__isnull", False),
                    _connector="OR",
                ),
                name="open_order_is_known_to_the_gateway",
                violation_error_message="An open order needs the gateway's id.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="refund",
            name="refund_pays_something",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)),
                name="refund_pays_something",
                violation_error_message="Enter an amount above 0.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="refund",
            name="money_goes_back_by_itself_once",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source__in", ["late", "duplicate"]), models.Q(("state", "failed"), _negated=True)),
                fields=("payment",),
                name="money_goes_back_by_itself_once",
                violation_error_message="This payment already has an automatic refund.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="refund",
            name="processed_refund_is_known_to_the_gateway",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["pending", "processed"]), _negated=True),
                    ("razorpay_refund_id__isnull", False),
                    _connector="OR",
                ),
                name="processed_refund_is_known_to_the_gateway",
                violation_error_message="A refund that the gateway has accepted needs the gateway's id.",
            ),
        ),
    ]
