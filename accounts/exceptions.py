"""Reasons to refuse a sign-in."""

from __future__ import annotations

from foundation.exceptions import RequestRefused


class SignInBusy(RequestRefused):
    """This host computes as many password hashes as it may."""

    status = 503
    code = "sign_in_busy"
    explanation = "Too many people are signing in at this moment: the server checks few passwords at a time."
    advice = "Send the same request again after the seconds in `Retry-After`."
    retry_after = 2
