from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("streaming", "0004_reserved_group_name")]

    operations = [
        migrations.AlterModelOptions(
            name="userlimit",
            options={"ordering": ("user",), "verbose_name": "user limit", "verbose_name_plural": "user limits"},
        ),
        migrations.AlterModelOptions(
            name="grouplimit",
            options={"ordering": ("group",), "verbose_name": "group limit", "verbose_name_plural": "group limits"},
        ),
    ]
