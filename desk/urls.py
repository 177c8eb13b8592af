from django.urls import path

from desk import payments

urlpatterns = [
    path("payments/desk/<uuid:booking_id>", payments.desk, name="desk"),
    path("payments/desk/slips/<uuid:slip_id>/void", payments.void, name="void-slip"),
]
