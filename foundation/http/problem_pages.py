"""A page for each problem's ``type``: what it means, and what to do next."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

# Code → what has happened, and what to do. ``config.problems`` and DRF say with which status each comes.
PROBLEMS: dict[str, tuple[str, str]] = {
    "authentication_failed": (
        "The token in Authorization is none, or has ended.",
        "Sign in with POST /auth/token, and send the new token as Authorization: Bearer ….",
    ),
    "bad_request": (
        "The request cannot be read, or is for a host that this service does not answer for.",
        "Check the address, and that the query holds no control characters.",
    ),
    "database_unavailable": (
        "The database is away or busy. Most likely nothing was changed; where the answer was lost on its way, it was.",
        "Send the same request again after the seconds in Retry-After, under the same Idempotency-Key.",
    ),
    "error": ("Something went wrong on our side. It has been logged.", "Try again later."),
    "gateway_rejected": (
        "The payment gateway refused the order. The slot is free again.",
        "Tell the business; the same request would be refused again.",
    ),
    "gateway_unavailable": (
        "The payment gateway does not answer. The slot stays held until hold_expires_at.",
        "Send the same request again, under the same Idempotency-Key if it had one: it goes on where it stopped.",
    ),
    "hold_open": (
        "This phone number keeps a time already that is not paid for.",
        "Pay for it, cancel it with its manage token, or wait the seconds in Retry-After.",
    ),
    "idempotency_key_malformed": (
        "The Idempotency-Key cannot be one.",
        "Send 1 to 255 printable ASCII characters that nobody can guess, such as a UUID.",
    ),
    "idempotency_key_reused": (
        "The Idempotency-Key came with another request before.",
        "Send a new key with a new request; the old key stands for the old request for 7 days.",
    ),
    "invalid_input": ("Some fields are not right.", "Each is named in errors, with what is wrong: mend them."),
    "invalid_transition": (
        "The booking's status does not allow the move.",
        "Look at the booking again: somebody may have been faster.",
    ),
    "method_not_allowed": ("The path does not have this method.", "The API's methods are listed at /docs/."),
    "not_acceptable": ("The answer cannot be given in the form that Accept asks for.", "Accept application/json."),
    "not_authenticated": (
        "This needs somebody who is signed in, or the booking's manage token.",
        "Send Authorization: Bearer …, or X-Booking-Token.",
    ),
    "not_found": (
        "There is nothing here, or it is not yours to see: both look the same.",
        "Check the path and the id, and send the manage token that belongs to the booking.",
    ),
    "outside_hours": (
        "The service is not sold at that time: nobody works then, it is over, too near or too far ahead, or visits "
        "start at other minutes.",
        "Pick a time that GET /services/{slug}/availability lists.",
    ),
    "paid_too_late": (
        "The slot was given up before the payment arrived.",
        "Nothing: the money goes back by itself. Book another time.",
    ),
    "parse_error": ("The body is no JSON object, or is nested too deeply.", "Send a JSON object in UTF-8."),
    "party_too_large": ("More people than the service has places.", "Book for fewer people, or several times."),
    "payload_too_large": ("The body is larger than 64 KiB.", "Send less."),
    "payment_mismatch": (
        "The payment belongs to another order.",
        "Send the three values exactly as Checkout returned them, for this order.",
    ),
    "permission_denied": ("The account lacks the permission for this.", "Ask an admin for it."),
    "request_in_progress": (
        "The first request with this Idempotency-Key is still running.",
        "Ask again after the seconds in Retry-After: its answer will be yours.",
    ),
    "sign_in_failed": (
        "Username and password do not match a staff account.",
        "Check both. After a few tries the account stops listening to this address for a while.",
    ),
    "signature_invalid": (
        "The signature does not match, so nothing was changed.",
        "Send the three values exactly as Checkout returned them.",
    ),
    "slot_taken": (
        "Somebody else has the time.",
        "Pick one of alternatives, the nearest free ones, or ask GET /services/{slug}/availability.",
    ),
    "throttled": (
        "More requests than one caller may send.",
        "Wait the seconds in Retry-After. Behind your own proxy, see TRUSTED_PROXIES.",
    ),
    "too_early": ("Nobody can have missed a visit that is still to come.", "Wait until it has begun."),
    "too_late_to_change": (
        "The visit is too near for its customer to change it online.",
        "Call the business: staff can still do it.",
    ),
    "too_many_open": (
        "This phone number has as many visits to come as the service allows.",
        "Cancel one first, or call the business.",
    ),
    "unsupported_media_type": ("The body is not JSON.", "Send it with Content-Type: application/json."),
    "wrong_payment_mode": (
        "The service is paid online and was booked without, or the other way round.",
        "Use POST /bookings/razorpay-booking where payment_mode is full or deposit, else POST /bookings/.",
    ),
}


@csrf_exempt
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List every problem."""
    return _page(request, "Problems", PROBLEMS)


@csrf_exempt
@require_safe
def problem(request: HttpRequest, name: str) -> HttpResponse:
    """Explain one; ``name`` is its code with hyphens, as the problem's type has it."""
    code = name.replace("-", "_")
    if code not in PROBLEMS:
        raise Http404
    return _page(request, code, {code: PROBLEMS[code]})


def _page(request: HttpRequest, title: str, problems: dict[str, tuple[str, str]]) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "problems": problems}
    return render(request, "daybook/problems.html", context)
