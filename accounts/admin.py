"""Users and groups in the admin."""

from django.contrib.auth.admin import GroupAdmin, UserAdmin

from foundation.http.staff_admin import StaffAdmin


class StaffUserAdmin(StaffAdmin, UserAdmin):
    readonly_fields = ["last_login", "date_joined"]  # saving the form must not put an earlier sign-in back


class StaffGroupAdmin(StaffAdmin, GroupAdmin):
    """Groups, whose permissions several people may edit."""
