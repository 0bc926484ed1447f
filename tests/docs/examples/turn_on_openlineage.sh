export AIRFLOW__OPENLINEAGE__TRANSPORT='{"type": "http", "url": "https://lineage.example.org"}'
