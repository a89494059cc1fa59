from django.db import migrations


class Migration(migrations.Migration):
    """Pages that are filled from now on leave room for the next versions of their rows."""

    dependencies = [
        ('orders', '0006_fewer_indexes'),
    ]

    operations = [
        migrations.RunSQL(
            'ALTER TABLE orders_order SET (fillfactor = 60)',
            'ALTER TABLE orders_order RESET (fillfactor)',
        ),
    ]
