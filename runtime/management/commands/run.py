"""Run the web server and the worker in one terminal, or under a service manager."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection

from foundation.database_errors import is_database_unavailable
from runtime.embedded_postgres import embedded_postgres_environment
from runtime.processes import StopRequest, free_port, interrupt_on_signals, manage_command, web_server_command
from runtime.services import Service, stop_services, supervise

PATIENCE_SECONDS = 60  # for a database that is starting, or for an earlier run that is stopping
RETRY_SECONDS = 1


class Command(BaseCommand):
    help = (
        "Migrate, then run the web server and the worker until SIGTERM or Ctrl-C. If one of them ends, it is restarted."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        interrupt_on_signals()
        try:
            self._migrate()
            self._wait_for_port()
        except KeyboardInterrupt:
            return
        stop_request = StopRequest()
        web = web_server_command(port=settings.PORT, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS)
        services = [
            Service("The web server", web),
            Service("The worker", manage_command("worker"), embedded_postgres_environment()),
        ]
        self.stdout.write(f"Serving on http://127.0.0.1:{settings.PORT}/ until Ctrl-C.")
        try:
            supervise(services, stop_request)
            self.stdout.write("Stopping. Messages in flight are finished first.")
        finally:
            stop_services(services)

    def _migrate(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                call_command("migrate", verbosity=0)
            except (DatabaseError, InterfaceError) as error:
                if not is_database_unavailable(error):
                    raise
                connection.close()
                if time.monotonic() > end:
                    raise CommandError(f"The database is not available: {str(error).strip()}") from error
                self.stderr.write(f"Waiting for the database: {str(error).strip()}")
                time.sleep(RETRY_SECONDS)
            else:
                return

    def _wait_for_port(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while free_port(settings.PORT) != settings.PORT:
            if time.monotonic() > end:
                raise CommandError(f"Another program uses port {settings.PORT}. Set PORT to another one.")
            self.stderr.write(f"Waiting for port {settings.PORT}, which another program uses.")
            time.sleep(RETRY_SECONDS)
