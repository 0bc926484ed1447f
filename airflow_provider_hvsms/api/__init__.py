"""The message store over HTTP. Nothing in this package imports Airflow."""
