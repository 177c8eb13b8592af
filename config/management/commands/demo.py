"""The whole way, once, for people to see: book over HTTP, and watch every message arrive."""

from __future__ import annotations

import socket
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from bookings.models import Booking
from config.demo_money import let_hold_lapse, money_lines, pay_late, pay_part_back
from config.management.commands.seed_demo import PASSWORD, PEOPLE
from config.processes import Processes, manage, web_server
from notifications.models import Notification
from sandbox.process import RunningSandbox, running_sandbox

PROMISED_MS = {
    "POST /bookings/": 500,
    "PUT /bookings/{id}/confirm": 500,
    "PUT /bookings/{id}/complete": 500,
    "POST /bookings/razorpay-booking": 500,
    "POST /bookings/verify-payment": 200,
}
ARRIVAL_SECONDS = 40
CUSTOMER = {"name": "Meera Iyer", "phone": "+91 98123 40003", "email": "meera@example.com"}

Status = Notification.Status


class Command(BaseCommand):
    help = "Show Daybook at work against the sandbox, then keep serving until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop after the tables; exit 1 if a promise was broken")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Preparing the database and a small clinic ...")
        call_command("migrate", verbosity=0)
        call_command("seed_demo")
        port = free_port(settings.PORT)
        webhook_url = f"http://127.0.0.1:{port}/payments/razorpay/webhook"
        with running_sandbox(webhook_url=webhook_url) as sandbox, Processes() as processes:
            environment = {
                **sandbox.environment, "DEBUG": "1", "PORT": str(port),
                "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", "BUSINESS_NAME": "Lotus Clinic",
            }  # fmt: skip
            self.stdout.write("Starting web, worker and sandbox ...")
            web = web_server(port=port, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS)
            processes.start(web, environment)
            processes.start(manage("worker"), environment)
            try:
                kept = Walk(self, f"http://127.0.0.1:{port}", sandbox).show()
                if options["once"]:
                    raise SystemExit(0 if kept else 1)
                self._say_where(port, sandbox)
                processes.wait()
            except KeyboardInterrupt:
                self.stdout.write("\nStopping ...")

    def _say_where(self, port: int, sandbox: RunningSandbox) -> None:
        base = f"http://127.0.0.1:{port}"
        for place, url in (
            ("Front desk", f"{base}/admin/"),
            ("Notification history", f"{base}/notifications/"),
            ("API documentation", f"{base}/docs/"),
            ("Sandbox (what was sent; pay orders)", sandbox.http_url),
        ):
            self.stdout.write(f"  {place:<36} {url}")
        self.stdout.write(
            f"\n  Logins: {', '.join(PEOPLE)}; the password of each is {PASSWORD}\n  Ctrl-C stops it all."
        )


class Walk:
    """A day's customers: one whose visit staff confirm and complete, one who pays online, and one who pays too late."""

    def __init__(self, command: BaseCommand, base: str, sandbox: RunningSandbox) -> None:
        self.out = command.stdout
        self.base = base
        self.sandbox = sandbox
        self.http = requests.Session()
        self.bookings: list[str] = []
        self.kept = True

    def show(self) -> bool:
        """Walk the way and print both tables; return whether all was as promised."""
        self._wait_for_web()
        self.out.write(f"\n  {'endpoint':<34}{'status':>7}{'ms':>8}{'promised':>10}")
        self._visit()
        paid = self._paid_visit()
        late = self._late_visit()
        self._money(paid, late)
        self.out.write("\nWaiting for the providers, who take 2-3 s a message ...")
        self._arrivals()
        self.out.write("\nAll as promised.\n" if self.kept else "\nNOT as promised: see the lines marked with !\n")
        return self.kept

    def _wait_for_web(self) -> None:
        end = time.monotonic() + 30
        while True:
            try:
                if self.http.get(f"{self.base}/healthz", timeout=5).ok:
                    break
            except requests.ConnectionError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)
        for _ in range(8):  # each web process loads its code at its first request; this one is refused
            requests.post(f"{self.base}/bookings/", json={"customer": CUSTOMER}, timeout=10)

    def _visit(self) -> None:
        token = self.http.post(
            f"{self.base}/auth/token", json={"username": "frontdesk", "password": PASSWORD}, timeout=10
        ).json()["token"]
        staff = {"Authorization": f"Bearer {token}"}
        booking = self._book("POST /bookings/", "consultation")
        self._call("PUT /bookings/{id}/confirm", f"/bookings/{booking['id']}/confirm", 200, headers=staff)
        self._call("PUT /bookings/{id}/complete", f"/bookings/{booking['id']}/complete", 200, headers=staff)

    def _paid_visit(self) -> UUID:
        answer = self._book("POST /bookings/razorpay-booking", "physiotherapy")
        self._pay(answer)
        return UUID(answer["booking"]["id"])

    def _pay(self, answer: dict[str, Any]) -> None:
        paid = self.sandbox.client.pay(answer["checkout"]["order_id"])
        self._call("POST /bookings/verify-payment", "/bookings/verify-payment", 200, json=paid)

    def _late_visit(self) -> dict[str, Any]:
        """Hold a slot, lose it, see somebody else pay for it; return what is still to be paid for."""
        answer = self._book("POST /bookings/razorpay-booking", "physiotherapy")
        lost = answer["booking"]
        let_hold_lapse(UUID(lost["id"]))
        body = {"service": "physiotherapy", "starts_at": lost["starts_at"], "customer": CUSTOMER}
        body |= {"resource": lost["resource"]["id"]}
        others = self._call("POST /bookings/razorpay-booking", "/bookings/razorpay-booking", 201, json=body) or {}
        self.bookings.append(others["booking"]["id"])
        self._pay(others)
        return answer

    def _money(self, paid: UUID, late: dict[str, Any]) -> None:
        self.out.write("\nA part of the first payment goes back; a bank approves one for a slot that is gone ...\n\n")
        pay_part_back(paid)
        pay_late(self.sandbox.client, late["checkout"]["order_id"])
        lines = money_lines(self.bookings)
        for line, fine in lines:
            self._mark(line, fine)
        self.kept = self.kept and len(lines) == 5

    def _book(self, endpoint: str, service: str) -> dict[str, Any]:
        path = endpoint.split()[1]
        for starts_at in slots():
            body = {"service": service, "starts_at": starts_at.isoformat(), "customer": CUSTOMER}
            answer = self._call(endpoint, path, 201, json=body, quiet=(409,))
            if answer is not None:
                self.bookings.append(answer.get("booking", answer)["id"])
                return answer
        raise RuntimeError("Every slot of the demo's clinic is taken: make clean, and begin again.")

    def _call(
        self, endpoint: str, path: str, expected: int, *, quiet: tuple[int, ...] = (), **request: Any
    ) -> dict[str, Any] | None:
        before = time.perf_counter()
        answer = self.http.request(endpoint.split()[0], self.base + path, timeout=10, **request)
        took = (time.perf_counter() - before) * 1000
        if answer.status_code in quiet:
            return None
        fine = answer.status_code == expected and took < PROMISED_MS[endpoint]
        self._mark(f"  {endpoint:<34}{answer.status_code:>7}{took:>8.0f}{PROMISED_MS[endpoint]:>10}", fine)
        body: dict[str, Any] = answer.json()
        if answer.status_code != expected:
            raise RuntimeError(f"{endpoint} answered {body}")
        return body

    def _arrivals(self) -> None:
        owed = Notification.objects.filter(booking__in=self.bookings).exclude(kind="booking_reminder")
        end = time.monotonic() + ARRIVAL_SECONDS
        while time.monotonic() < end and not all(map(has_arrived, owed.all())):
            time.sleep(0.25)
        accepts = accept_times(self.sandbox)
        references = dict(Booking.objects.filter(pk__in=self.bookings).values_list("pk", "reference"))
        self.out.write(f"\n  {'booking':<12}{'message':<20}{'channel':<10}{'accepted':>9}{'delivered':>11}  status")
        for row in owed.order_by("created_at", "channel"):
            times = accepts.get(str(row.pk), [])
            accepted = times[0] - row.created_at.timestamp() if times else None
            arrived = accepted if row.channel == row.Channel.EMAIL else None
            if row.delivered_at:
                arrived = (row.delivered_at - row.created_at).total_seconds()
            line = f"  {references[row.booking_id]:<12}{row.kind:<20}{row.channel:<10}"
            self._mark(
                f"{line}{seconds(accepted):>9}{seconds(arrived):>11}  {row.status}",
                has_arrived(row) and len(times) == 1,
            )
        self.kept = self.kept and owed.count() == 27
        self.out.write("  An e-mail counts as delivered once its server has taken it: SMTP reports no more.")

    def _mark(self, line: str, fine: bool) -> None:
        self.kept = self.kept and fine
        self.out.write(line if fine else f"{line}  !")


def has_arrived(row: Notification) -> bool:
    """Whether the message got as far as its channel can report."""
    if row.channel == Notification.Channel.EMAIL:
        return row.status == Status.ACCEPTED
    return row.status in (Status.DELIVERED, Status.READ)


def accept_times(sandbox: RunningSandbox) -> dict[str, list[float]]:
    """Return when the providers accepted each notification, by its id: their own log, not our rows."""
    times: dict[str, list[float]] = {}
    for entry in sandbox.client.accepted():
        ours = entry.get("status_callback", "").split("/")[-2:-1] or [
            entry.get("message_id", "").strip("<").split("@")[0]
        ]
        times.setdefault(ours[0], []).append(entry["at"])
    return times


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def slots() -> list[datetime]:
    """Return times within the clinic's hours, from tomorrow on."""
    zone = ZoneInfo(settings.TIME_ZONE)
    morning = (datetime.now(zone) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    return [morning + timedelta(days=day, hours=hour) for day in range(60) for hour in range(8)]


def free_port(wanted: int) -> int:
    """Return ``wanted`` if nothing listens there, else a port that the system picks."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("No free port on 127.0.0.1.")
