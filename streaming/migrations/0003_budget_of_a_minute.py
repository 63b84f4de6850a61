from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("streaming", "0002_limits_and_history")]

    operations = [
        migrations.AddField(
            model_name="minute",
            name="max_mbps",
            # The database's default is for workers of the release before, which run meanwhile.
            field=models.FloatField(db_default=0, default=0),
        ),
    ]
