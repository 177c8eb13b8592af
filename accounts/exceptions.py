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


class SecondFactorRequired(RequestRefused):
    """The password is right, and the account has a second factor."""

    status = 403
    code = "second_factor_required"
    explanation = "The password is right, and the account has a second factor."
    advice = "Ask for the current code of the app, or for a recovery code, and send it as `code` with the same request."


class SecondFactorInvalid(RequestRefused):
    """The code of the second factor is wrong, or was used before."""

    status = 403
    code = "second_factor_invalid"
    explanation = "The code of the second factor is wrong, or was used before. Each code is accepted once."
    advice = "Wait for the next code of the app, or send another recovery code. Wrong codes count as failed sign-ins."


class SecondFactorMissing(RequestRefused):
    """This installation requires a second factor, and the account has none."""

    status = 403
    code = "second_factor_missing"
    explanation = "Staff of this business sign in with a second factor, and the account has none yet."
    advice = "Sign in at `/admin/`, which leads to the page on which the second factor is set up."


class AdminPasswordTooShort(RequestRefused):
    """The password is right, but shorter than the rules for admins allow."""

    status = 403
    code = "admin_password_too_short"
    explanation = "The password is right, but too short for an admin."
    advice = "Set a longer one on the server, with `manage.py changepassword`, then sign in again."
