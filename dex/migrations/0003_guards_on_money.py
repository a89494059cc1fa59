import django.db.models.functions.datetime
from django.db import migrations, models

ONLY_ADDED = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER guard_change_is_only_added BEFORE UPDATE OR DELETE
        ON dex_guardchange FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('dex', '0002_trading_halts'),
    ]

    operations = [
        migrations.CreateModel(
            name='GuardChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('changed_by', models.CharField(max_length=150)),
                ('rule', models.CharField(choices=[('trading', 'trading'), ('allowed_tokens', 'allowed tokens'), ('allowed_pools', 'allowed pools'), ('max_order', 'largest order'), ('max_slippage', 'largest slippage'), ('max_open_orders', 'most open orders')], max_length=32)),
                ('subject', models.CharField(blank=True, max_length=150)),
                ('old', models.CharField(max_length=64)),
                ('new', models.CharField(max_length=64)),
                ('reason', models.TextField()),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.AddField(
            model_name='token',
            name='max_order',
            field=models.DecimalField(blank=True, decimal_places=0, max_digits=20, null=True),
        ),
        migrations.AddField(
            model_name='tradinghalt',
            name='begun_by',
            field=models.CharField(blank=True, db_default='', max_length=150),
        ),
        migrations.AddConstraint(
            model_name='token',
            constraint=models.CheckConstraint(condition=models.Q(('max_order__isnull', True), ('max_order__gt', 0), _connector='OR'), name='token_max_order_positive'),
        ),
        migrations.AddConstraint(
            model_name='guardchange',
            constraint=models.CheckConstraint(condition=models.Q(('rule__in', ['trading', 'allowed_tokens', 'allowed_pools', 'max_order', 'max_slippage', 'max_open_orders'])), name='guard_change_rule_is_known'),
        ),
        migrations.AddConstraint(
            model_name='guardchange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('changed_by', ''), _negated=True), models.Q(('reason', ''), _negated=True)), name='guard_change_has_who_and_why'),
        ),
        migrations.RunSQL(
            ONLY_ADDED,
            'DROP TRIGGER guard_change_is_only_added ON dex_guardchange;'
            ' DROP FUNCTION refuse_change()',
        ),
    ]
