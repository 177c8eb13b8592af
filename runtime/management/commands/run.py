"""Run the web server and the worker in one terminal."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from runtime.processes import Processes, manage_command, web_server_command


class Command(BaseCommand):
    help = "Migrate, then run the web server and the worker until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        web = web_server_command(port=settings.PORT, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS)
        with Processes() as processes:
            try:
                processes.start(web)
                processes.start(manage_command("worker"))
                self.stdout.write(f"Serving on http://127.0.0.1:{settings.PORT}/ until Ctrl-C.")
                processes.wait()
            except KeyboardInterrupt:
                self.stdout.write("\nStopping. Messages in flight are finished first.")
                return
        raise CommandError("The web server or the worker ended unexpectedly. See its output above.")
