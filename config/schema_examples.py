"""Examples of all request and response bodies, by schema name."""

from typing import Any

CUSTOMER = {"name": "Meera Iyer", "phone": "+919812340003", "email": "meera@example.com"}
RESOURCE = {"id": 7, "name": "Dr. Asha Rao", "kind": "staff"}
TOKEN = "pW3nP6yX0r1Zc8e5uTq2VgKdJb7Mh4Af"  # noqa: S105 - an example  # pragma: allowlist secret
SIGNATURE = "0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f"  # pragma: allowlist secret

BOOKING: dict[str, Any] = {
    "id": "7a1f0a52-3c7e-4c55-9c0e-0f4d7a1e9b10",
    "reference": "BK-7KMPX3H",
    "status": "pending",
    "service": "consultation",
    "resource": RESOURCE,
    "starts_at": "2027-03-08T16:00:00+05:30",
    "ends_at": "2027-03-08T16:30:00+05:30",
    "timezone": "Asia/Kolkata",
    "customer": CUSTOMER,
    "party_size": 1,
    "notes": "",
    "price_minor": 50_000,
    "due_online_minor": 0,
    "currency": "INR",
    "hold_expires_at": None,
    "answer_by": "2027-03-02T06:30:00Z",
    "is_late_cancellation": False,
    "cancel_cutoff_minutes": 120,
    "reschedule_cutoff_minutes": 120,
    "cancel_until": "2027-03-08T14:00:00+05:30",
    "reschedule_until": "2027-03-08T14:00:00+05:30",
    "version": 1,
    "created_at": "2027-03-01T06:30:00Z",
}
PAID_BOOKING: dict[str, Any] = {
    **BOOKING,
    "service": "physiotherapy",
    "status": "confirmed",
    "price_minor": 120_000,
    "due_online_minor": 120_000,
    "answer_by": None,
    "version": 2,
}
HELD_BOOKING: dict[str, Any] = {
    **PAID_BOOKING,
    "status": "held",
    "hold_expires_at": "2027-03-01T06:45:00Z",
    "version": 1,
    "manage_token": TOKEN,
}

CHECKOUT: dict[str, Any] = {
    "key": "rzp_test_1DP5mmOlF5G5ag",
    "order_id": "order_IEIaMR65cu6nz3",
    "amount": 120_000,
    "currency": "INR",
    "name": "Lotus",
    "description": "Physiotherapy (BK-7KMPX3H)",
    "timeout": 600,
    "prefill": {"name": CUSTOMER["name"], "email": CUSTOMER["email"], "contact": CUSTOMER["phone"]},
    "notes": {"booking": "BK-7KMPX3H"},
}

EXAMPLES: dict[str, Any] = {
    "BookingInput": {
        "service": "consultation",
        "resource": 7,
        "starts_at": "2027-03-08T16:00:00+05:30",
        "customer": CUSTOMER,
        "party_size": 1,
        "notes": "",
        "allow_overlap": False,
    },
    "RescheduleInput": {"starts_at": "2027-03-09T10:30:00+05:30", "resource": None},
    "VerifyPaymentInput": {
        "razorpay_order_id": "order_IEIaMR65cu6nz3",
        "razorpay_payment_id": "pay_IH4NVgf4Dreq1l",
        "razorpay_signature": SIGNATURE,
    },
    "SignInInput": {"username": "frontdesk", "password": "a long password", "code": "123456"},
    "SignInResponse": {"token": TOKEN, "expires_at": "2027-03-01T16:30:00Z"},
    "Booking": BOOKING,
    "NewBooking": {**BOOKING, "manage_token": TOKEN},
    "BookingPage": {"next": None, "previous": None, "results": [BOOKING]},
    "CheckoutResponse": {
        "booking": HELD_BOOKING,
        "checkout": CHECKOUT,
    },
    "OpenCheckout": {
        "booking": {name: value for name, value in HELD_BOOKING.items() if name != "manage_token"},
        "checkout": CHECKOUT,
    },
    "VerifyPaymentResponse": {"booking": PAID_BOOKING},
    "Service": {
        "slug": "consultation",
        "name": "Consultation",
        "category": "Health",
        "description": "",
        "location": "Lotus Clinic",
        "timezone": "Asia/Kolkata",
        "duration_minutes": 30,
        "slot_interval_minutes": 15,
        "capacity": 1,
        "price_minor": 50_000,
        "due_online_minor": 0,
        "currency": "INR",
        "payment_mode": "none",
        "requires_confirmation": True,
        "reconfirms_reschedules": True,
        "min_notice_minutes": 0,
        "horizon_days": 90,
        "cancel_cutoff_minutes": 120,
        "reschedule_cutoff_minutes": 120,
        "resources": [RESOURCE],
    },
    "Availability": {
        "service": "consultation",
        "timezone": "Asia/Kolkata",
        "slots": [
            {
                "starts_at": "2027-03-08T16:00:00+05:30",
                "ends_at": "2027-03-08T16:30:00+05:30",
                "resources": [7, 8],
                "places": 1,
            },
        ],
    },
    "Problem": {
        "type": "/problems/slot-taken",
        "title": "Conflict",
        "status": 409,
        "code": "slot_taken",
        "detail": "This time has just been taken. Please pick another one.",
        "instance": "/bookings/",
        "alternatives": ["2027-03-08T15:30:00+05:30", "2027-03-08T16:30:00+05:30"],
    },
}
