import cameras.models
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cameras", "0003_watch_unattended"),
    ]

    operations = [
        migrations.AddField(
            model_name="camera",
            name="substream_url",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="A smaller stream of the same camera, for small pictures. It gets the same user name and password.",
                max_length=500,
                validators=[cameras.models.validate_stream_url],
                verbose_name="substream",
            ),
        ),
    ]
