"""The models of notifications: each message, its attempts and receipts, and the state of the channels."""

from notifications.models.attempt import Attempt
from notifications.models.channel import Channel
from notifications.models.channel_state import ChannelState
from notifications.models.erased_opt_out import ErasedOptOut, OptOutKey, hash_address
from notifications.models.inbound_message import InboundMessage
from notifications.models.lane import Lane
from notifications.models.notification import Notification
from notifications.models.off_period import OffPeriod
from notifications.models.receipt import Receipt
from notifications.models.reminder_settings import ReminderSettings
from notifications.models.suppression import Suppression

__all__ = [
    "Attempt",
    "Channel",
    "ChannelState",
    "ErasedOptOut",
    "InboundMessage",
    "Lane",
    "Notification",
    "OffPeriod",
    "OptOutKey",
    "Receipt",
    "ReminderSettings",
    "Suppression",
    "hash_address",
]
