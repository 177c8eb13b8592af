"""Simulate a day's customers over HTTP, one after another."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import OutputWrapper

from demo.api_calls import ApiCalls, UnexpectedResponse, new_customer
from demo.management.commands.seed_demo import PASSWORD
from demo.messages import TABLE_HEADER, count_reminders, message_lines
from demo.opening_hours import open_now
from demo.payments import expire_hold, pay_late, payment_lines, refund_part
from notifications.models import Channel
from sandbox.process import RunningSandbox

CHECKOUT = "/bookings/razorpay-booking"
PARTIES = (5, 4, 3)  # fill the twelve mats
MESSAGES_PER_CHANNEL = 18
PAYMENT_LINES = 5
CHANGED_DATA = (
    "The demo expects its own services, hours, staff and logins. If you have changed them, stop it, run `make clean`, "
    "which deletes all local data, and start it again."
)


class Scenario:
    """Customers who visit, reschedule, cancel, fill a class, pay, and pay too late."""

    def __init__(self, out: OutputWrapper, base: str, sandbox: RunningSandbox) -> None:
        self.out = out
        self.sandbox = sandbox
        self.calls = ApiCalls(out, base)

    def show(self) -> bool:
        """Run the scenario and print the tables; return whether every line was as expected."""
        self.calls.wait_for_web()
        try:
            self._run()
        except UnexpectedResponse as error:
            self.calls.print_line(f"\n{error}", False)
        self.out.write(
            "\nAll as expected.\n"
            if self.calls.is_as_expected
            else f"\nNOT as expected: see the lines marked with !\n{CHANGED_DATA}\n"
        )
        return self.calls.is_as_expected

    def _run(self) -> None:
        self.out.write(f"\n  {'endpoint':<36}{'status':>7}{'ms':>8}{'limit':>10}")
        self._complete_visit()
        self._reschedule_visit()
        self._book_any_stylist()
        self._fill_class()
        paid_booking_id = self._pay_visit()
        late_checkout = self._let_hold_expire()
        self._print_payments(paid_booking_id, late_checkout)
        self.out.write("\nWaiting for the providers, which take 2-3 s per message ...")
        self._print_messages()

    def _complete_visit(self) -> None:
        credentials = {"username": "frontdesk", "password": PASSWORD}
        staff = {"Authorization": f"Bearer {self.calls.call('POST /auth/token', json=credentials)['token']}"}
        booking = self.calls.book("consultation", self.calls.find_slot("consultation"))
        self.calls.change("PUT", "confirm", booking, staff)
        # The customer comes today instead: a visit cannot be completed before its day.
        self.calls.change("PUT", "reschedule", booking, staff, json={"starts_at": open_now(booking["service"])})
        self.calls.change("PUT", "complete", booking, staff)

    def _reschedule_visit(self) -> None:
        booking = self.calls.book("consultation", self.calls.find_slot("consultation"))
        later = {"starts_at": self.calls.find_slot("consultation", after=booking["starts_at"])["starts_at"]}
        rescheduled = self.calls.change("PUT", "reschedule", booking, _token(booking), json=later)
        self.calls.print_line(
            f"  {rescheduled['reference']} is now at {later['starts_at']}.",
            rescheduled["starts_at"] == later["starts_at"],
        )

    def _book_any_stylist(self) -> None:
        """Two customers book the same time with any stylist; one of them cancels."""
        slot = self.calls.find_slot("haircut", resources=2)
        first, second = (self.calls.book("haircut", slot) for _ in range(2))
        names = first["resource"]["name"], second["resource"]["name"]
        self.calls.print_line(f"  Same time, any stylist: {names[0]} and {names[1]}.", names[0] != names[1])
        self.calls.change("POST", "cancel", first, _token(first))

    def _fill_class(self) -> None:
        slot = self.calls.find_slot("yoga", party_size=sum(PARTIES))
        for party_size in PARTIES:
            self.calls.book("yoga", slot, party_size=party_size)
        body = {"service": "yoga", "starts_at": slot["starts_at"], "customer": new_customer()}
        refusal = self.calls.call("POST /bookings/", 409, json=body, note="yoga")
        nearest = ", ".join(refusal["alternatives"])
        self.calls.print_line(
            f"  All twelve mats are taken. Nearest free slots: {nearest}.", refusal["code"] == "slot_taken"
        )

    def _pay_visit(self) -> UUID:
        response = self.calls.book("physiotherapy", self.calls.find_slot("physiotherapy"), path=CHECKOUT)
        self._pay(response)
        return UUID(response["booking"]["id"])

    def _let_hold_expire(self) -> dict[str, Any]:
        """Hold a slot, let the hold expire and another customer pay for the slot; return the unpaid checkout."""
        slot = self.calls.find_slot("physiotherapy")
        response = self.calls.book("physiotherapy", slot, path=CHECKOUT)
        expired_hold = response["booking"]
        expire_hold(UUID(expired_hold["id"]))
        self._pay(self.calls.book("physiotherapy", slot, path=CHECKOUT, resource=expired_hold["resource"]["id"]))
        return response

    def _pay(self, response: dict[str, Any]) -> None:
        self.calls.call("POST /bookings/verify-payment", json=self.sandbox.client.pay(response["checkout"]["order_id"]))

    def _print_payments(self, paid_booking_id: UUID, late_checkout: dict[str, Any]) -> None:
        self.out.write("\nRefunding part of the first payment and paying for an expired hold ...\n\n")
        refund_part(paid_booking_id)
        pay_late(self.sandbox.client, late_checkout["checkout"]["order_id"])
        self._print_table(payment_lines(self.calls.bookings), PAYMENT_LINES)

    def _print_messages(self) -> None:
        self.out.write(f"\n{TABLE_HEADER}")
        lines = list(message_lines(self.sandbox.client, self.calls.bookings))
        self._print_table(lines, MESSAGES_PER_CHANNEL * len(Channel))
        self.out.write("  An e-mail counts as delivered once its server has accepted it: SMTP reports nothing later.")
        queued, superseded = count_reminders(self.calls.bookings)
        self.calls.print_line(f"  {queued} reminders are queued, {superseded} were superseded.", queued > 0)

    def _print_table(self, lines: list[tuple[str, bool]], expected: int) -> None:
        for line, is_as_expected in lines:
            self.calls.print_line(line, is_as_expected)
        if len(lines) != expected:
            self.calls.print_line(f"  {len(lines)} lines instead of {expected}", False)


def _token(booking: dict[str, Any]) -> dict[str, str]:
    return {"X-Booking-Token": booking["manage_token"]}
