from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('streaming', '0005_names_of_limits'),
    ]

    operations = [
        migrations.CreateModel(
            name='UserBlock',
            fields=[
                ('user_id', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('user', models.CharField(max_length=150)),
                ('message', models.CharField(max_length=200)),
                ('by', models.CharField(max_length=150)),
                ('until', models.DateTimeField(db_index=True)),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
