import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Each statement of a volatile function sees what was committed before it began, so it
# counts after it has the lock. Nobody who has a lock waits for another lock of the owner.
ROOM = """
    CREATE FUNCTION open_order_room(of_owner integer, most integer, wanted integer)
    RETURNS integer LANGUAGE plpgsql VOLATILE
    -- A plan that is kept from when the table was small would read it whole later.
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    DECLARE
        room integer;
        -- Far from the limit many may count at once: as many orders as this, which the
        -- others do not see yet, still fit. That is 100 connections with 50 orders each.
        far CONSTANT integer := 5000;
    BEGIN
        IF most >= far AND wanted <= 50 THEN
            BEGIN
                PERFORM pg_advisory_xact_lock_shared(1869769828, of_owner);
                SELECT most - count(*) INTO room FROM orders_order
                    WHERE owner_id = of_owner AND closed_at IS NULL;
                IF room >= far THEN
                    RETURN room;
                END IF;
                RAISE EXCEPTION 'near' USING ERRCODE = 'OR001';
            EXCEPTION WHEN SQLSTATE 'OR001' THEN
                NULL;  -- this has given the lock back
            END;
        END IF;
        PERFORM pg_advisory_xact_lock(1869769828, of_owner);
        SELECT most - count(*) INTO room FROM orders_order
            WHERE owner_id = of_owner AND closed_at IS NULL;
        RETURN room;
    END $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('dex', '0003_guards_on_money'),
        ('orders', '0009_client_order_id'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OrderLimits',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('max_slippage_bps', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(10000)])),
                ('max_open_orders', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1000000)])),
            ],
            options={
                'verbose_name': 'limits of orders',
                'verbose_name_plural': 'limits of orders',
            },
        ),
        migrations.CreateModel(
            name='OwnerLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('max_open_orders', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1000000)])),
            ],
            options={
                'verbose_name': 'limit of an owner',
                'verbose_name_plural': 'limits of owners',
            },
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['owner'], name='order_open_owner'),
        ),
        migrations.AddConstraint(
            model_name='orderlimits',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='limits_have_one_row'),
        ),
        migrations.AddField(
            model_name='ownerlimit',
            name='owner',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='limit', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunSQL(
            ROOM, 'DROP FUNCTION open_order_room(integer, integer, integer)'
        ),
    ]
