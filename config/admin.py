"""The admin site: its title, its sign-in form, and the models that it must not show."""

from django.contrib import admin
from django.contrib.auth.models import Group, User

from accounts.admin import StaffGroupAdmin, StaffUserAdmin
from accounts.forms import SignInForm

admin.site.site_header = admin.site.site_title = "Daybook"
admin.site.login_form = SignInForm
admin.site.index_title = "Front desk"
admin.site.enable_nav_sidebar = False  # the header links to every section, and the lists need the width

admin.site.unregister([User, Group])
admin.site.register(User, StaffUserAdmin)
admin.site.register(Group, StaffGroupAdmin)

# With django-q2's pages, a user who may add a schedule can run any function; those of django-otp show keys.
HIDDEN = ("django_q", "otp_static", "otp_totp")
for model in [model for model in admin.site._registry if model._meta.app_label in HIDDEN]:
    admin.site.unregister(model)
