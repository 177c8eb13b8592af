"""Map Twilio's error codes to our provider errors. To add a code, add a line.

A refused request with any other code is classified by its HTTP status (send.py). In a status callback, any other code
has no further effect (statuses.py). Source: twilio.com/docs/api/errors, the page of each code.
"""

from notifications.providers.base import (
    ChannelBroken,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    RecipientOptedOut,
    RecipientUnreachable,
)

ERROR_BY_CODE: dict[str, type[ProviderError]] = {
    # The number: invalid, a short code, premium, not a mobile number, disconnected, a landline, not on WhatsApp.
    "21211": RecipientUnreachable,
    "21265": RecipientUnreachable,
    "21268": RecipientUnreachable,
    "21614": RecipientUnreachable,
    "21635": RecipientUnreachable,
    "30005": RecipientUnreachable,
    "30006": RecipientUnreachable,
    "63003": RecipientUnreachable,
    "63024": RecipientUnreachable,
    # The recipient replied STOP.
    "21610": RecipientOptedOut,
    "63014": RecipientOptedOut,
    # Our text, or this recipient with our settings: the same request would be refused again.
    "21408": ProviderRejected,
    "21602": ProviderRejected,
    "21608": ProviderRejected,
    "21612": ProviderRejected,
    "21617": ProviderRejected,
    "63016": ProviderRejected,
    # Our credentials or account: nothing can be sent until that is corrected.
    "10001": ChannelBroken,
    "20003": ChannelBroken,
    "20005": ChannelBroken,
    # Our sender: missing, invalid, not ours, not able to send SMS, not registered for WhatsApp.
    "21212": ChannelBroken,
    "21601": ChannelBroken,
    "21603": ChannelBroken,
    "21606": ChannelBroken,
    "21659": ChannelBroken,
    "21660": ChannelBroken,
    "21661": ChannelBroken,
    "21701": ChannelBroken,
    "21703": ChannelBroken,
    "21705": ChannelBroken,
    "63002": ChannelBroken,
    "63007": ChannelBroken,
    "63008": ChannelBroken,
    # The address of our status callback: PUBLIC_BASE_URL is not public.
    "21609": ChannelBroken,
    # Our rate: such messages "aren't processed and are safe to retry".
    "20429": ProviderRateLimited,
    "21611": ProviderRateLimited,
    "63017": ProviderRateLimited,
    "63038": ProviderRateLimited,
}
ERROR_BY_HTTP_STATUS: dict[int, type[ProviderError]] = {
    401: ChannelBroken,
    403: ChannelBroken,
    404: ChannelBroken,  # the account, or the address of the API
    429: ProviderRateLimited,
}
