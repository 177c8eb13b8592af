from django.urls import path

from notifications import callbacks, views

urlpatterns = [
    path("", views.history, name="notification-history"),
    path("<uuid:notification_id>", views.detail, name="notification-detail"),
    path("<uuid:notification_id>/resolve", views.resolve, name="notification-resolve"),
    path("twilio/status/<uuid:notification_id>/<uuid:attempt_id>", callbacks.twilio_status, name="twilio-status"),
    path("twilio/inbound", callbacks.twilio_inbound, name="twilio-inbound"),
]
