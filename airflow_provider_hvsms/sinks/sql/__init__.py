"""Loads rows into a database table: a staging table of the same session, then one upsert.

Start at `sink.py`. `dialect.py` is the base of all databases; each one has its own file and an entry in `registry.py`.
"""
