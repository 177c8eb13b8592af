"""The queue of background jobs. A row names a job and its arguments; the worker decides which function that is.

The row is signed JSON, not django-q2's pickle of a function's path: a pickle runs code when it is read.
"""

from __future__ import annotations

import zlib

from django.conf import settings
from django.core import signing
from django_q.models import OrmQ

from foundation.clock import database_now

SALT = "daybook.job"
UNREADABLE = (signing.BadSignature, ValueError, zlib.error, RecursionError)


def queue_job(name: str, *args: int) -> None:
    """Queue a job, in the caller's transaction if there is one."""
    payload = signing.dumps([name, *args], salt=SALT)
    OrmQ.objects.create(key=settings.Q_CLUSTER["name"], payload=payload, lock=database_now())


def read_job(payload: str) -> tuple[str, list[int]] | None:
    """Return the name and the arguments of a queued job; None if the row is not one that ``queue_job`` wrote."""
    try:
        job = signing.loads(payload, salt=SALT)
    except UNREADABLE:
        return None
    match job:
        case [str(name), *args] if all(isinstance(argument, int) for argument in args):
            return name, args
    return None
