"""Rows into a table: staged, then upserted in one transaction.

Start at `sink.py`; `dialect.py` says what a database must do, and each database has a file of its own.
"""
