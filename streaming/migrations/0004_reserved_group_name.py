from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_the_groups(apps, schema_editor):
    named = apps.get_model("auth", "Group").objects.filter(pk=OuterRef("reserved_group_id")).values("name")
    changes = apps.get_model("streaming", "LimitChange").objects.filter(reserved_group__isnull=False)
    changes.update(reserved_group_name=Subquery(named))


class Migration(migrations.Migration):
    dependencies = [("streaming", "0003_budget_of_a_minute")]

    operations = [
        migrations.AddField(
            model_name="limitchange",
            name="reserved_group_name",
            # The database's default is for workers of the release before, which run meanwhile.
            field=models.CharField(db_default="", default="", max_length=150),
        ),
        migrations.RunPython(name_the_groups, migrations.RunPython.noop),
    ]
