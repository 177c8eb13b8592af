"""Django's ``migrate``, one at a time: two that run concurrently would both create the same tables, and one fail."""

from typing import Any

from django.core.management.commands.migrate import Command as Migrate

from runtime.preparation import preparation_lock


class Command(Migrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with preparation_lock():
            super().handle(*args, **options)
