"""A day's customers, one after the other, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import OutputWrapper

from demo.api_calls import ApiCalls, new_customer
from demo.management.commands.seed_demo import PASSWORD
from demo.messages import TABLE_HEADER, count_reminders, message_lines
from demo.payments import expire_hold, pay_late, payment_lines, refund_part
from sandbox.process import RunningSandbox

CHECKOUT = "/bookings/razorpay-booking"
PARTIES = (5, 4, 3)  # fill the twelve mats
MESSAGES = 51
MONEY_LINES = 5


class Scenario:
    """Those who visit, who move and cancel, who fill a class, who pay, and who pay too late."""

    def __init__(self, out: OutputWrapper, base: str, sandbox: RunningSandbox) -> None:
        self.out = out
        self.sandbox = sandbox
        self.calls = ApiCalls(out, base)

    def show(self) -> bool:
        """Walk the way and print the tables; return whether all was as promised."""
        self.calls.wait_for_web()
        self.out.write(f"\n  {'endpoint':<36}{'status':>7}{'ms':>8}{'promised':>10}")
        self._visit()
        self._moved_visit()
        self._any_stylist()
        self._full_class()
        paid = self._paid_visit()
        late = self._late_visit()
        self._money(paid, late)
        self.out.write("\nWaiting for the providers, who take 2-3 s a message ...")
        self._messages()
        self.out.write(
            "\nAll as promised.\n" if self.calls.kept else "\nNOT as promised: see the lines marked with !\n"
        )
        return self.calls.kept

    def _visit(self) -> None:
        who = {"username": "frontdesk", "password": PASSWORD}
        staff = {"Authorization": f"Bearer {self.calls.call('POST /auth/token', json=who)['token']}"}
        booking = self.calls.book("consultation", self.calls.free("consultation"))
        self.calls.change("PUT", "confirm", booking, staff)
        self.calls.change("PUT", "complete", booking, staff)

    def _moved_visit(self) -> None:
        booking = self.calls.book("consultation", self.calls.free("consultation"))
        later = {"starts_at": self.calls.free("consultation", after=booking["starts_at"])["starts_at"]}
        moved = self.calls.change("PUT", "reschedule", booking, _token(booking), json=later)
        self.calls.mark(
            f"  {moved['reference']} is now at {later['starts_at']}.", moved["starts_at"] == later["starts_at"]
        )

    def _any_stylist(self) -> None:
        """Two who want the same hour with whoever is free, of whom one cancels."""
        slot = self.calls.free("haircut", of=2)
        first, second = (self.calls.book("haircut", slot) for _ in range(2))
        names = first["resource"]["name"], second["resource"]["name"]
        self.calls.mark(f"  The same hour, any stylist: {names[0]} and {names[1]}.", names[0] != names[1])
        self.calls.change("POST", "cancel", first, _token(first))

    def _full_class(self) -> None:
        slot = self.calls.free("yoga", people=sum(PARTIES))
        for people in PARTIES:
            self.calls.book("yoga", slot, party_size=people)
        body = {"service": "yoga", "starts_at": slot["starts_at"], "customer": new_customer()}
        refused = self.calls.call("POST /bookings/", 409, json=body, note="yoga")
        nearest = ", ".join(refused["alternatives"])
        self.calls.mark(f"  Twelve mats are taken; nearest free: {nearest}.", refused["code"] == "slot_taken")

    def _paid_visit(self) -> UUID:
        answer = self.calls.book("physiotherapy", self.calls.free("physiotherapy"), path=CHECKOUT)
        self._pay(answer)
        return UUID(answer["booking"]["id"])

    def _late_visit(self) -> dict[str, Any]:
        """Hold a slot, lose it, see somebody else pay for it; return what is still to be paid for."""
        slot = self.calls.free("physiotherapy")
        answer = self.calls.book("physiotherapy", slot, path=CHECKOUT)
        lost = answer["booking"]
        expire_hold(UUID(lost["id"]))
        self._pay(self.calls.book("physiotherapy", slot, path=CHECKOUT, resource=lost["resource"]["id"]))
        return answer

    def _pay(self, answer: dict[str, Any]) -> None:
        self.calls.call("POST /bookings/verify-payment", json=self.sandbox.client.pay(answer["checkout"]["order_id"]))

    def _money(self, paid: UUID, late: dict[str, Any]) -> None:
        self.out.write("\nA part of the first payment goes back; a bank approves one for a slot that is gone ...\n\n")
        refund_part(paid)
        pay_late(self.sandbox.client, late["checkout"]["order_id"])
        self._table(payment_lines(self.calls.bookings), MONEY_LINES)

    def _messages(self) -> None:
        self.out.write(f"\n{TABLE_HEADER}")
        self._table(list(message_lines(self.sandbox.client, self.calls.bookings)), MESSAGES)
        self.out.write("  An e-mail counts as delivered once its server has taken it: SMTP reports no more.")
        planned, dropped = count_reminders(self.calls.bookings)
        self.calls.mark(f"  {planned} reminders are planned, {dropped} were taken back.", planned > 0)

    def _table(self, lines: list[tuple[str, bool]], expected: int) -> None:
        for line, fine in lines:
            self.calls.mark(line, fine)
        if len(lines) != expected:
            self.calls.mark(f"  {len(lines)} lines instead of {expected}", False)


def _token(booking: dict[str, Any]) -> dict[str, str]:
    return {"X-Booking-Token": booking["manage_token"]}
