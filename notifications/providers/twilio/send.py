"""Send SMS and WhatsApp messages through Twilio. Raises ProviderError."""

from __future__ import annotations

from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException

from notifications.providers.base import (
    Accepted,
    ChannelBroken,
    OutgoingMessage,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRejected,
)
from notifications.providers.twilio.client import get_client
from notifications.providers.twilio.codes import ERROR_BY_CODE, ERROR_BY_HTTP_STATUS

ACCOUNT = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
STATUS_PATH = "/notifications/twilio/status"


def missing_sms_settings() -> list[str]:
    """Return the settings without which no SMS can be sent."""
    has_service = bool(settings.TWILIO_MESSAGING_SERVICE_SID.strip())
    return _missing(*ACCOUNT) if has_service else _missing(*ACCOUNT, "TWILIO_SMS_FROM")


def missing_whatsapp_settings() -> list[str]:
    """Return the settings without which no WhatsApp message can be sent."""
    return _missing(*ACCOUNT, "TWILIO_WHATSAPP_FROM")


def _missing(*names: str) -> list[str]:
    return [name for name in names if not getattr(settings, name).strip()]


def send_sms(message: OutgoingMessage) -> Accepted:
    sender = (
        {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
        if settings.TWILIO_MESSAGING_SERVICE_SID
        else {"from_": settings.TWILIO_SMS_FROM}
    )
    return _create(message, to=message.address, **sender)


def send_whatsapp(message: OutgoingMessage) -> Accepted:
    return _create(message, to=f"whatsapp:{message.address}", from_=f"whatsapp:{settings.TWILIO_WHATSAPP_FROM}")


def classify_refusal(*, http_status: int, code: str) -> type[ProviderError]:
    """Return the type of error, which says whether the message was sent and what to do next."""
    if http_status >= 500:
        # Twilio: a 500 on sending "is not idempotent ... it is possible for a customer to receive multiple messages".
        return ProviderOutcomeUnknown
    # Twilio does not redirect: a proxy, or a wrong TWILIO_API_BASE_URL, does so instead of processing the request.
    default = ProviderRejected if http_status >= 400 else ChannelBroken
    return ERROR_BY_CODE.get(code, ERROR_BY_HTTP_STATUS.get(http_status, default))


def _create(message: OutgoingMessage, **addressing: str) -> Accepted:
    # The callback's path contains our own ids, so it finds its row even if the response to this request is lost.
    callback = f"{settings.PUBLIC_BASE_URL}{STATUS_PATH}/{message.id}/{message.attempt_id}"
    try:
        twilio_message = get_client().messages.create(body=message.body, status_callback=callback, **addressing)
    except TwilioRestException as error:
        code = str(error.code or "")
        error_type = classify_refusal(http_status=error.status, code=code)
        raise error_type(f"Twilio: {error.msg}", code=code, http_status=error.status) from error
    except TwilioException as error:
        raise ProviderOutcomeUnknown(f"Unreadable response from Twilio: {error}") from error
    if not twilio_message.sid:
        raise ProviderOutcomeUnknown("Twilio's response has no message id.", http_status=201)
    return Accepted(provider_id=str(twilio_message.sid), http_status=201)
