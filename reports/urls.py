from django.urls import path

from reports import pages

urlpatterns = [
    path("payments/takings", pages.day, name="takings"),
    path("payments/takings.csv", pages.day_csv, name="takings-csv"),
]
