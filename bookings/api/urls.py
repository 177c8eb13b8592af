from django.urls import path

from bookings.api import views

urlpatterns = [
    path("services/", views.ServiceList.as_view(), name="service-list"),
    path("services/<slug:slug>/availability", views.ServiceAvailability.as_view(), name="service-availability"),
    path("bookings/", views.BookingList.as_view(), name="booking-list"),
    path("bookings/<uuid:booking_id>", views.BookingDetail.as_view(), name="booking-detail"),
    path("bookings/<uuid:booking_id>/confirm", views.ConfirmBooking.as_view(), name="booking-confirm"),
    path("bookings/<uuid:booking_id>/decline", views.DeclineBooking.as_view(), name="booking-decline"),
    path("bookings/<uuid:booking_id>/complete", views.CompleteBooking.as_view(), name="booking-complete"),
    path("bookings/<uuid:booking_id>/no-show", views.MarkNoShow.as_view(), name="booking-no-show"),
    path("bookings/<uuid:booking_id>/cancel", views.CancelBooking.as_view(), name="booking-cancel"),
    path("bookings/<uuid:booking_id>/reschedule", views.RescheduleBooking.as_view(), name="booking-reschedule"),
]
