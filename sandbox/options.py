"""The options of the sandbox: its credentials, response times and fault injection."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass


@dataclass
class Settings:
    """Settings that ``PUT /sandbox/settings`` changes. Times are in seconds; faults are probabilities from 0 to 1."""

    message_seconds_min: float = 2.0
    message_seconds_max: float = 3.0
    gateway_seconds_min: float = 0.05
    gateway_seconds_max: float = 0.15
    callback_seconds_min: float = 0.1
    callback_seconds_max: float = 0.5
    hang_seconds: float = 30.0
    concurrency_limit: int = 0  # Twilio responds 429 above it; 0: unlimited
    customer_bears_fee: bool = False  # a payment is the order's amount plus the fee
    unique_receipts: bool = False  # refuse an order whose receipt was used before

    error_before: float = 0.0  # a 5xx, and nothing was accepted
    error_after: float = 0.0  # a 5xx, although the message was accepted
    html_error: float = 0.0  # a 502 page instead of JSON, and nothing was accepted
    hang_before: float = 0.0
    hang_after: float = 0.0
    throttle: float = 0.0
    throttle_retry_after: float = 0.0  # seconds in the Retry-After of a 429; 0: without the header
    reset_before: float = 0.0
    reset_after: float = 0.0
    list_error: float = 0.0
    callback_lost: float = 0.0
    callback_duplicated: float = 0.0
    callback_reordered: float = 0.0

    refund_pending: float = 0.0  # a refund stays pending until a control request processes or fails it
    webhook_held: bool = False  # stored, but not posted
    webhook_lost: float = 0.0
    webhook_duplicated: float = 0.0
    webhook_reordered: float = 0.0

    gateway_error_before: float = 0.0
    gateway_error_after: float = 0.0
    gateway_html_error: float = 0.0
    gateway_hang_before: float = 0.0
    gateway_hang_after: float = 0.0
    gateway_throttle: float = 0.0
    gateway_reset_before: float = 0.0
    gateway_reset_after: float = 0.0

    smtp_connection_limit: int = 0  # 421 at the banner above it; 0: unlimited
    smtp_messages_per_connection: int = 0  # 421 to the next MAIL; 0: unlimited
    smtp_throttle: float = 0.0  # 450 to MAIL: a rate limit
    smtp_require_starttls: float = 0.0  # 530 to MAIL; the sandbox offers no STARTTLS
    smtp_deny_relay: float = 0.0  # 554 to RCPT
    smtp_scan: float = 0.0  # the response to the message text takes hang_seconds
    smtp_refuse: float = 0.0  # 451 after the message text
    smtp_drop_before: float = 0.0  # the connection breaks after the message text, and nothing was accepted
    smtp_drop_after: float = 0.0  # the connection breaks, although the message was accepted
    smtp_quit_421: float = 0.0  # 421 as the reply to QUIT, after the message was accepted

    def change(self, values: dict[str, object]) -> None:
        """Set the named settings. Raises ValueError for an unknown name or an invalid value."""
        known = {field.name: field.type for field in dataclasses.fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"Unknown setting {name!r}. Known settings: {', '.join(known)}.")
            expected_type = type(getattr(self, name))
            try:
                setattr(self, name, expected_type(value))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name} must be of type {expected_type.__name__}.") from error


@dataclass(frozen=True)
class Credentials:
    """The credentials that the providers accept, none of them real, and the webhook URL of the Razorpay account."""

    twilio_account_sid: str = "AC" + "0" * 32
    twilio_auth_token: str = "sandbox-auth-token"
    razorpay_key_id: str = "rzp_test_sandbox"
    razorpay_key_secret: str = "sandbox-key-secret"
    razorpay_webhook_secret: str = "sandbox-webhook-secret"
    razorpay_webhook_url: str = ""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Simulate Twilio, Razorpay and SMTP on loopback."
    )
    parser.add_argument("--port", type=int, default=8025, help="HTTP port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--smtp-port", type=int, default=8026, help="SMTP port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--log", help="append the log to this file, one JSON object per line")
    parser.add_argument("--seed", type=int, help="seed for the random numbers")
    parser.add_argument("--exit-with-parent", action="store_true", help="exit when the parent process exits")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="changes",
        help="change a setting, one of " + ", ".join(field.name for field in dataclasses.fields(Settings)),
    )
    for field in dataclasses.fields(Credentials):
        parser.add_argument(f"--{field.name.replace('_', '-')}", default=field.default)
    return parser.parse_args(arguments)
