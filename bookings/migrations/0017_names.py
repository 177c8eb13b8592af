from typing import Any

from django.db import migrations

from foundation.texts import clean_line

MODELS = ["Category", "Customer", "Location", "Resource", "Service"]
# Printable ASCII needs no repair, except for its spaces.
MAY_NEED_REPAIR = r"[^ -~]|^ | $|  "


def repair_names(apps: Any, schema_editor: Any) -> None:
    """Write names as new ones are written. A name that another row has, or that would be empty, stays."""
    for model_name in MODELS:
        model = apps.get_model("bookings", model_name)
        for row in model.objects.filter(name__regex=MAY_NEED_REPAIR).order_by("pk").iterator():
            name = clean_line(row.name)
            same_name = model.objects.filter(name=name)
            if model_name == "Customer":
                same_name = same_name.filter(phone=row.phone, email=row.email)
            if name not in ("", row.name) and not same_name.exists():
                model.objects.filter(pk=row.pk).update(name=name)


class Migration(migrations.Migration):
    dependencies = [("bookings", "0016_capacity_and_resource_order")]

    operations = [migrations.RunPython(repair_names, migrations.RunPython.noop)]
