from django.urls import path

from desk import payments

urlpatterns = [
    path("payments/desk/<uuid:booking_id>", payments.balance, name="desk"),
    path("payments/desk/slips/<uuid:desk_payment_id>/void", payments.void, name="void-desk-payment"),
]
