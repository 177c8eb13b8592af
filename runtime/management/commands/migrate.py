"""Django's ``migrate``, one at a time: two that run concurrently would both create the same tables, and one fail."""

from typing import Any

from django.core.management.commands.migrate import Command as Migrate

from foundation.long_statements import long_statements
from runtime.preparation import preparation_lock


class Command(Migrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with preparation_lock(), long_statements():
            super().handle(*args, **options)
