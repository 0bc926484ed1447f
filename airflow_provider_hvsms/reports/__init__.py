"""Delivery reports: the numbers of a messages table, and the page that shows them. Nothing here needs Airflow.

`numbers.py` says what a report holds, `query.py` gets it from a database, `page.py` shows it as HTML.
"""
