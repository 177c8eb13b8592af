from django.db import migrations

# Each entry of the admin's history would be deleted with its user.
REFUSE_DELETION = """
    CREATE FUNCTION accounts_refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'Users are not deleted, because their history would be, too: deactivate user %.', OLD.id
            USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER refuse_deletion BEFORE DELETE ON auth_user
        FOR EACH ROW EXECUTE FUNCTION accounts_refuse_deletion();
"""
ALLOW_DELETION = """
    DROP TRIGGER refuse_deletion ON auth_user;
    DROP FUNCTION accounts_refuse_deletion;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_known_networks'),
    ]

    operations = [
        migrations.RunSQL(REFUSE_DELETION, ALLOW_DELETION),
    ]
