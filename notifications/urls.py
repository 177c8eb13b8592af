from django.urls import path

from notifications.pages import history, message, resend
from notifications.providers.twilio import status_callback

urlpatterns = [
    path("", history.history, name="notification-history"),
    path("<uuid:notification_id>", message.detail, name="notification-detail"),
    path("resend", resend.resend_selected, name="notifications-resend"),
    path("<uuid:notification_id>/resend", resend.resend_one, name="notification-resend"),
    path("<uuid:notification_id>/resolve", message.resolve, name="notification-resolve"),
    path("twilio/status/<uuid:notification_id>/<uuid:attempt_id>", status_callback.twilio_status, name="twilio-status"),
    path("twilio/inbound", status_callback.twilio_inbound, name="twilio-inbound"),
]
