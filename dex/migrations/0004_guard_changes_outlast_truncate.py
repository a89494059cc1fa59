from django.db import migrations

# Triggers of rows do not see it.
NOT_TRUNCATED = """
    CREATE TRIGGER guard_change_is_not_truncated BEFORE TRUNCATE
        ON dex_guardchange FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('dex', '0003_guards_on_money'),
    ]

    operations = [
        migrations.RunSQL(
            NOT_TRUNCATED,
            'DROP TRIGGER guard_change_is_not_truncated ON dex_guardchange',
        ),
    ]
