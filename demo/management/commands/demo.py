"""Run everything locally: book over HTTP and watch every message arrive."""

from __future__ import annotations

from base64 import b32encode
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from demo.management.commands.seed_demo import LOGINS, PASSWORD, SECOND_FACTOR_LOGIN
from demo.scenario import Scenario
from runtime.processes import Processes, free_port, manage_command, web_server_command
from sandbox.process import RunningSandbox, running_sandbox

BUSINESS_NAME = "Lotus"


class Command(BaseCommand):
    help = "Run Daybook against the sandbox, then keep serving until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="stop after the tables; exit with 1 if a line was not as expected"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Preparing the database, a clinic, a salon and a studio ...")
        call_command("migrate", verbosity=0)
        call_command("seed_demo")
        port = free_port(settings.PORT)
        webhook_url = f"http://127.0.0.1:{port}/payments/razorpay/webhook"
        with running_sandbox(webhook_url=webhook_url) as sandbox, Processes() as processes:
            environment = {
                **sandbox.environment,
                "DEBUG": "1",
                "PORT": str(port),
                "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
                "BUSINESS_NAME": BUSINESS_NAME,
                # All customers of the demo share one client address.
                "LIMIT_BOOKINGS_PER_HOUR": "1000",
                "LIMIT_REQUESTS_PER_MINUTE": "10000",
            }
            self._adopt_settings(sandbox)
            self.stdout.write("Starting web, worker and sandbox ...")
            web = web_server_command(port=port, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS)
            processes.start(web, environment)
            processes.start(manage_command("worker"), environment)
            try:
                is_as_expected = Scenario(self.stdout, f"http://127.0.0.1:{port}", sandbox).show()
                if options["once"]:
                    raise SystemExit(0 if is_as_expected else 1)
                self._print_addresses(port, sandbox)
                processes.wait()
            except KeyboardInterrupt:
                self.stdout.write("\nStopping ...")

    def _adopt_settings(self, sandbox: RunningSandbox) -> None:
        """Let this process, which refunds a payment, write the same messages as the web server would."""
        settings.BUSINESS_NAME = BUSINESS_NAME
        for name, value in sandbox.environment.items():
            if name.startswith(("TWILIO_", "EMAIL_")):
                setattr(settings, name, value)

    def _print_addresses(self, port: int, sandbox: RunningSandbox) -> None:
        base = f"http://127.0.0.1:{port}"
        for label, url in (
            ("Front desk", f"{base}/admin/"),
            ("Notification history", f"{base}/notifications/"),
            ("API documentation", f"{base}/docs/"),
            ("Sandbox (sent messages, order payments)", sandbox.http_url),
        ):
            self.stdout.write(f"  {label:<40} {url}")
        self.stdout.write(
            f"\n  Logins: {', '.join(LOGINS)}; the password for all of them is {PASSWORD}\n"
            f"  {SECOND_FACTOR_LOGIN} has a second factor: {_second_factor()}\n  Ctrl-C stops everything."
        )


def _second_factor() -> str:
    """Return the current code and the key of the login with a second factor."""
    device = TOTPDevice.objects.get(user__username=SECOND_FACTOR_LOGIN, confirmed=True)
    code, key = TOTP(device.bin_key).token(), b32encode(device.bin_key).decode()
    return f"the code is {code:06d} now; for later ones, add the key {key} to an app"
