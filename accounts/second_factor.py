"""The second factor of staff: the codes of an app (TOTP), and recovery codes. django-otp stores and checks them."""

from __future__ import annotations

import io
from typing import Any

import segno
from django.contrib.auth.models import User
from django.db import transaction
from django_otp import match_token, verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.exceptions import SecondFactorInvalid, SecondFactorRequired
from accounts.operations import end_sign_ins

RECOVERY_CODES = 10


def has_second_factor(user: User) -> bool:
    """Return whether the account has a second factor."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def check_second_factor(user: User, code: str) -> Any:
    """Use up a code, and return its device; return None for an account without a second factor.

    The device is locked meanwhile, so each code is accepted once. Raises SecondFactorRequired without a code, and
    SecondFactorInvalid.
    """
    if not has_second_factor(user):
        return None
    if not code:
        raise SecondFactorRequired("Send the current code of your app, or a recovery code.")
    device = match_token(user, code.replace(" ", "").lower())
    if device is None:
        raise SecondFactorInvalid("The code is wrong or has been used. Wait for the next code of your app.")
    return device


def pending_device(user: User) -> TOTPDevice:
    """Return the device that the user is setting up, with a new key the first time."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    return device


def qr_code(device: TOTPDevice) -> str:
    """Return the device's QR code as SVG, which needs no other request."""
    image = io.BytesIO()
    segno.make(device.config_url).save(image, kind="svg", xmldecl=False, svgns=False, scale=4, title="QR code")
    return image.getvalue().decode()


@transaction.atomic
def confirm_device(user: User, code: str) -> tuple[TOTPDevice, list[str]]:
    """Replace the second factor by the pending one; return it with new recovery codes. End all sign-ins of the user.

    Raises SecondFactorInvalid unless ``code`` is the pending device's.
    """
    device = verify_token(user, pending_device(user).persistent_id, code.replace(" ", ""))
    if device is None:
        raise SecondFactorInvalid("The code of the app is wrong. Check the clock of your phone, then try again.")
    remove_second_factor(user)
    device.confirmed = True
    device.save()
    recovery = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=recovery, token=code) for code in codes)
    return device, codes


@transaction.atomic
def remove_second_factor(user: User) -> None:
    """Remove the second factor and its recovery codes, and end all sign-ins of the user."""
    TOTPDevice.objects.filter(user=user, confirmed=True).delete()
    StaticDevice.objects.filter(user=user).delete()
    end_sign_ins(user=user)
