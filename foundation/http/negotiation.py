"""Choose the format of a response from ``Accept``."""

from __future__ import annotations

import re

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

PROBLEM = re.compile(r"application/problem\+json", re.IGNORECASE)


class JSONNegotiation(DefaultContentNegotiation):
    """Serves JSON to a client that accepts only the JSON of problems: it means the API's JSON."""

    def get_accept_list(self, request: Request) -> list[str]:
        return [PROBLEM.sub("application/json", media_type) for media_type in super().get_accept_list(request)]
