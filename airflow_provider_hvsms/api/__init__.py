"""The message store over HTTP: credentials, quota, pages, records. It imports nothing of Airflow.

Start at `client.py`: `connect` gives a client, whose methods are the reads.
"""
