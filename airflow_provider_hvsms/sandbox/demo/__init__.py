"""The demos: the example DAGs in an Airflow of their own, against a sandbox.

`daily` loads three days and reports on them; `campaign` sends to thousands of recipients, each once.
"""
