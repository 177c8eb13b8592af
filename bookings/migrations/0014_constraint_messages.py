import bookings.models.allocation
import django.contrib.postgres.constraints
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0013_currency"),
    ]

    operations = [
        migrations.AlterConstraint(
            model_name="allocation",
            name="no_double_booking",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("is_active", True)),
                expressions=[
                    (
                        bookings.models.allocation.Int8Range(
                            models.F("resource_id"), models.F("resource_id"), models.Value("[]")
                        ),
                        "&&",
                    ),
                    ("blocked", "&&"),
                ],
                name="no_double_booking",
                violation_error_message="The resource is occupied at that time. Choose another time or resource.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="allocation",
            name="one_allocation_per_resource",
            constraint=models.UniqueConstraint(
                fields=("booking", "resource"),
                name="one_allocation_per_resource",
                violation_error_message="The booking already occupies this resource.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="allocation",
            name="occupied_by_a_booking_or_a_session",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("booking__isnull", False), ("session__isnull", True)),
                    models.Q(("booking__isnull", True), ("session__isnull", False)),
                    _connector="OR",
                ),
                name="occupied_by_a_booking_or_a_session",
                violation_error_message="Either a booking or a session occupies a resource: set exactly one of them.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="allocation",
            name="some_time_is_blocked",
            constraint=models.CheckConstraint(
                condition=models.Q(("blocked__isempty", False)),
                name="some_time_is_blocked",
                violation_error_message="The blocked time must end after it starts.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="booking",
            name="booking_starts_before_it_ends",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__lt", models.F("ends_at"))),
                name="booking_starts_before_it_ends",
                violation_error_message="The visit must end after it starts.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="booking",
            name="a_hold_and_only_a_hold_expires",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("hold_expires_at__isnull", False), ("status", "held")),
                    models.Q(models.Q(("status", "held"), _negated=True), ("hold_expires_at__isnull", True)),
                    _connector="OR",
                ),
                name="a_hold_and_only_a_hold_expires",
                violation_error_message="A hold needs a time at which it expires; other bookings have none.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="booking",
            name="only_a_request_is_answered",
            constraint=models.CheckConstraint(
                condition=models.Q(("status", "pending"), ("answer_by__isnull", True), _connector="OR"),
                name="only_a_request_is_answered",
                violation_error_message="Only a pending booking has a time by which staff must confirm it.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="bookingevent",
            name="one_event_per_version",
            constraint=models.UniqueConstraint(
                fields=("booking", "seq"),
                name="one_event_per_version",
                violation_error_message="The booking already has an event with this number.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="customer",
            name="one_row_per_customer",
            constraint=models.UniqueConstraint(
                fields=("phone", "email", "name"),
                name="one_row_per_customer",
                violation_error_message="Another customer has the same name, phone number and e-mail address.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="idempotencykey",
            name="one_request_per_key",
            constraint=models.UniqueConstraint(
                fields=("scope", "key_hash"),
                name="one_request_per_key",
                violation_error_message="This idempotency key is already in use.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="idempotencykey",
            name="an_answer_is_about_a_booking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("body", ""), ("status__isnull", True)),
                    models.Q(("booking__isnull", False), ("status__isnull", False)),
                    _connector="OR",
                ),
                name="an_answer_is_about_a_booking",
                violation_error_message="A stored response needs the booking that it is about.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="scheduleexception",
            name="exception_takes_time",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__lt", models.F("ends_at"))),
                name="exception_takes_time",
                violation_error_message="The exception must end after it starts.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="service",
            name="service_takes_time",
            constraint=models.CheckConstraint(
                condition=models.Q(("duration_minutes__gt", 0)),
                name="service_takes_time",
                violation_error_message="Enter a duration of at least one minute.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="service",
            name="deposit_within_price",
            constraint=models.CheckConstraint(
                condition=models.Q(("deposit_minor__lte", models.F("price_minor"))),
                name="deposit_within_price",
                violation_error_message="The deposit cannot be higher than the price.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="service",
            name="paid_service_has_a_price",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("payment_mode", "none"),
                    models.Q(("payment_mode", "full"), ("price_minor__gt", 0)),
                    models.Q(("deposit_minor__gt", 0), ("payment_mode", "deposit")),
                    _connector="OR",
                ),
                name="paid_service_has_a_price",
                violation_error_message="For payment in full online enter a price, for payment by deposit a deposit.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="service",
            name="service_has_a_place_and_a_rhythm",
            constraint=models.CheckConstraint(
                condition=models.Q(("capacity__gt", 0), ("slot_interval_minutes__gt", 0)),
                name="service_has_a_place_and_a_rhythm",
                violation_error_message="Enter a capacity of at least 1 and a slot interval of at least one minute.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="session",
            name="one_session_at_a_time",
            constraint=models.UniqueConstraint(
                fields=("service", "resource", "starts_at"),
                name="one_session_at_a_time",
                violation_error_message="This service already has a session with that resource at that time.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="session",
            name="nobody_without_a_place",
            constraint=models.CheckConstraint(
                condition=models.Q(("booked__lte", models.F("capacity"))),
                name="nobody_without_a_place",
                violation_error_message="More places are taken than the session has.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="session",
            name="session_starts_before_it_ends",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__lt", models.F("ends_at"))),
                name="session_starts_before_it_ends",
                violation_error_message="The session must end after it starts.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="workinghours",
            name="opens_before_it_closes",
            constraint=models.CheckConstraint(
                condition=models.Q(("opens_at__lt", models.F("closes_at"))),
                name="opens_before_it_closes",
                violation_error_message="The closing time must be after the opening time.",
            ),
        ),
    ]
