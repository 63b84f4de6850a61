from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("streaming", "0006_user_blocks")]

    operations = [
        # The database's defaults are for workers of the release before, which run meanwhile.
        migrations.AddField(
            model_name="minute",
            name="waited",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name="minute",
            name="gave_up",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
