"""Takes out of the admin what must not be in it. The messages have pages of their own: notifications.views."""

from django.contrib import admin

# django-q2's pages let whoever may add a schedule run any function of the process; knox's show sign-in tokens.
for model in [model for model in admin.site._registry if model._meta.app_label in ("django_q", "knox")]:
    admin.site.unregister(model)
