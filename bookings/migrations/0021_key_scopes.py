"""Move idempotency keys into the scope of their customer, if the caller was anonymous, or of their user.

Which body a key was sent with is stored only as a hash of its text, which cannot be compared with the new ones. So any body
of the same caller repeats such a request, until the key is purged.
"""

import json

from django.db import migrations

from foundation.keyed_hash import keyed_hash


def move_scopes(apps, schema_editor):
    keys = apps.get_model("bookings", "IdempotencyKey").objects.filter(booking__isnull=False)
    for row in keys.select_related("booking__customer").iterator():
        owner, _, path = row.scope.rpartition(" ")
        if owner == "anonymous":
            customer = row.booking.customer
            contacts = json.dumps([customer.phone, customer.email.lower()])
            scope = f"customer {keyed_hash('customer', contacts)} {path}"
        elif owner.startswith("user "):
            scope = f"{keyed_hash('caller', owner)} {path}"
        else:
            continue
        if not keys.filter(scope=scope, key_hash=row.key_hash).exists():
            keys.filter(pk=row.pk).update(scope=scope, fingerprint="")


class Migration(migrations.Migration):
    dependencies = [("bookings", "0020_callers")]

    operations = [migrations.RunPython(move_scopes, migrations.RunPython.noop, elidable=True)]
