python -m airflow_provider_hvsms.sandbox serve --port 8080
