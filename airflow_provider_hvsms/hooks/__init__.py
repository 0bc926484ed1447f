"""Airflow connections -> clients of the message store."""
