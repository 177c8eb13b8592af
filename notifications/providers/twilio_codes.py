"""What Twilio's error codes mean for us, as data. Twilio keeps adding codes: what is missing here is judged by its HTTP
status. Sources: twilio.com/docs/api/errors, each code's own page."""

from notifications.providers.base import ChannelBroken, DeliveryError, OptedOut, Rejected, Throttled, Unreachable

VERDICT_OF_CODE: dict[str, type[DeliveryError]] = {
    # The number: invalid, not a mobile one, gone, a landline, not on WhatsApp.
    "21211": Unreachable,
    "21265": Unreachable,
    "21614": Unreachable,
    "30005": Unreachable,
    "30006": Unreachable,
    "63003": Unreachable,
    "63024": Unreachable,
    # The person said STOP.
    "21610": OptedOut,
    "63014": OptedOut,
    # Our text, sender or settings: the same request will be refused again.
    "21212": Rejected,
    "21408": Rejected,
    "21602": Rejected,
    "21606": Rejected,
    "21608": Rejected,
    "21612": Rejected,
    "21617": Rejected,
    "63016": Rejected,
    # Our credentials: nothing can be sent before they are mended.
    "20003": ChannelBroken,
    "20005": ChannelBroken,
    # The pace: "aren't processed and are safe to retry".
    "20429": Throttled,
    "21611": Throttled,
    "63017": Throttled,
}
VERDICT_OF_STATUS: dict[int, type[DeliveryError]] = {
    401: ChannelBroken,
    403: ChannelBroken,
    429: Throttled,
}
