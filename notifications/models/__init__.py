"""What people are told, each try at telling them, and what came back."""

from notifications.models.channels import ChannelState, Dispatcher, Suppression
from notifications.models.history import Attempt, InboundMessage, Receipt
from notifications.models.notification import Notification

__all__ = ["Attempt", "ChannelState", "Dispatcher", "InboundMessage", "Notification", "Receipt", "Suppression"]
