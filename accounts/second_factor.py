"""The second factor of staff: the codes of an app (TOTP), and recovery codes. django-otp stores and checks them."""

from __future__ import annotations

import io
from typing import Any

import segno
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django_otp import match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from accounts.exceptions import SecondFactorInvalid, SecondFactorRequired
from accounts.operations import end_sign_ins

RECOVERY_CODES = 10
KEY_SALT = "accounts.second_factor"
KEY_LIFETIME = 3600  # seconds that a page with a QR code may stay open


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
        raise SecondFactorRequired("Enter the current code of your app, or a recovery code.")
    device = match_token(user, code.replace(" ", "").lower())
    if device is None:
        raise SecondFactorInvalid("The code is wrong or has been used. Wait for the next code of your app.")
    return device


def new_key(user: User) -> str:
    """Return a new key for the app, signed, for the form that sets it up.

    Each page has a key of its own: two pages do not disturb each other, and a key that was seen earlier is of no use.
    """
    return signing.dumps([user.pk, random_hex()], salt=KEY_SALT)


def device_with(user: User, signed_key: str) -> TOTPDevice:
    """Return the device with the key of the form, not saved. Raises SecondFactorInvalid for an old or foreign key."""
    try:
        owner, key = signing.loads(signed_key, salt=KEY_SALT, max_age=KEY_LIFETIME)
    except signing.BadSignature:
        owner, key = None, ""
    if owner != user.pk:
        raise SecondFactorInvalid("This page is too old. Scan the new QR code.")
    return TOTPDevice(user=user, key=key, name="app")


def qr_code(device: TOTPDevice) -> str:
    """Return the device's QR code as SVG, which needs no other request."""
    image = io.BytesIO()
    # The light modules are drawn: on a dark page, cameras would see black on black.
    segno.make(device.config_url).save(
        image, kind="svg", xmldecl=False, svgns=False, scale=4, light="white", title="QR code"
    )
    return image.getvalue().decode()


@transaction.atomic
def set_up_second_factor(user: User, device: TOTPDevice, *, code: str, earlier_code: str) -> list[str]:
    """Replace the second factor by the device; return new recovery codes. End all sign-ins of the user.

    A wrong ``code`` of the device does not use up the ``earlier_code``, which a second factor that is replaced needs.
    Raises SecondFactorInvalid or SecondFactorRequired.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    device.confirmed = False
    device.save()
    if not device.verify_token(code.replace(" ", "")):
        raise SecondFactorInvalid("The code of the app is wrong. Check the clock of your phone, then try again.")
    check_second_factor(user, earlier_code)
    remove_second_factor(user)
    device.confirmed = True
    device.save()
    recovery = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=recovery, token=code) for code in codes)
    return codes


@transaction.atomic
def remove_second_factor(user: User) -> None:
    """Remove the second factor and its recovery codes, and end all sign-ins of the user."""
    TOTPDevice.objects.filter(user=user, confirmed=True).delete()
    StaticDevice.objects.filter(user=user).delete()
    end_sign_ins(user=user)
