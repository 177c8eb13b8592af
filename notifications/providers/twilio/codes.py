"""What Twilio's error codes mean for us, as data. Twilio keeps adding codes: what is missing here is judged by its HTTP
status. Sources: twilio.com/docs/api/errors, each code's own page."""

from notifications.providers.base import (
    ChannelBroken,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    RecipientOptedOut,
    RecipientUnreachable,
)

ERROR_BY_CODE: dict[str, type[ProviderError]] = {
    # The number: invalid, not a mobile one, gone, a landline, not on WhatsApp.
    "21211": RecipientUnreachable,
    "21265": RecipientUnreachable,
    "21614": RecipientUnreachable,
    "30005": RecipientUnreachable,
    "30006": RecipientUnreachable,
    "63003": RecipientUnreachable,
    "63024": RecipientUnreachable,
    # The person said STOP.
    "21610": RecipientOptedOut,
    "63014": RecipientOptedOut,
    # Our text, sender or settings: the same request will be refused again.
    "21212": ProviderRejected,
    "21408": ProviderRejected,
    "21602": ProviderRejected,
    "21606": ProviderRejected,
    "21608": ProviderRejected,
    "21612": ProviderRejected,
    "21617": ProviderRejected,
    "63016": ProviderRejected,
    # Our credentials: nothing can be sent before they are mended.
    "20003": ChannelBroken,
    "20005": ChannelBroken,
    # The pace: "aren't processed and are safe to retry".
    "20429": ProviderRateLimited,
    "21611": ProviderRateLimited,
    "63017": ProviderRateLimited,
}
ERROR_BY_HTTP_STATUS: dict[int, type[ProviderError]] = {
    401: ChannelBroken,
    403: ChannelBroken,
    429: ProviderRateLimited,
}
