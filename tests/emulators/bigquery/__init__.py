"""Loads into an emulated BigQuery, with Google's client and Airflow's provider."""
