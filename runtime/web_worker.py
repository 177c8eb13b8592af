"""gunicorn's worker. Its own error responses have the format of all others.

gunicorn itself responds to what it cannot read as HTTP: those requests never reach Django. There is no setting for the
format: the worker writes the response with ``gunicorn.util.write_error``, which is replaced here.
"""

from __future__ import annotations

import json
import socket

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from foundation.http.problem_texts import CONTENT_TYPE, problem_body, problem_from_status, standard_detail

# RFC 9112 asks for 501 for an unknown transfer coding, but a request never causes a 5xx here: the body is compressed.
STATUS_FROM_GUNICORN = {501: 415}


class WebWorker(ThreadWorker):
    """A gthread worker that responds with problems."""

    def init_process(self) -> None:
        util.write_error = write_problem
        super().init_process()


def write_problem(client: socket.socket, gunicorn_status: int, reason: str, message: str) -> None:
    """Write the response to a request that gunicorn refuses; ``message`` is its reason."""
    status = STATUS_FROM_GUNICORN.get(gunicorn_status, gunicorn_status)
    problem = problem_from_status(status)
    detail = f"{message.rstrip('.')}. {standard_detail(problem.code)}" if message else problem.detail
    fields = problem_body(status=status, code=problem.code, detail=detail, instance="")
    body = json.dumps(fields).encode()
    head = (
        f"HTTP/1.1 {status} {fields['title']}\r\nConnection: close\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(client, head.encode() + body)
