import bookings.models.search
import django.contrib.postgres.indexes
from django.db import migrations

# Used by an index, so its result for a text must never change: a different rule needs a function with another name.
CREATE_TRIGRAMS = """
    CREATE FUNCTION bookings_trigrams(text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT coalesce(array_agg(substr($1, position, 3)), '{}') FROM generate_series(1, length($1) - 2) AS position
    $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('bookings', '0011_service_help_texts'),
    ]

    operations = [
        migrations.RunSQL(CREATE_TRIGRAMS, "DROP FUNCTION bookings_trigrams(text)"),
        migrations.AddIndex(
            model_name='customer',
            index=django.contrib.postgres.indexes.GinIndex(bookings.models.search.Trigrams(bookings.models.search.SearchText('name', 'phone', 'email')), fastupdate=True, gin_pending_list_limit=256, name='customer_search'),
        ),
    ]
