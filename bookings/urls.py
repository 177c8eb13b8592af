from django.urls import path

from bookings import views

urlpatterns = [
    path("services/", views.ServiceList.as_view(), name="service-list"),
    path("bookings/", views.BookingList.as_view(), name="booking-list"),
    path("bookings/<uuid:booking_id>", views.BookingDetail.as_view(), name="booking-detail"),
    path("bookings/<uuid:booking_id>/confirm", views.ConfirmBooking.as_view(), name="booking-confirm"),
    path("bookings/<uuid:booking_id>/complete", views.CompleteBooking.as_view(), name="booking-complete"),
]
