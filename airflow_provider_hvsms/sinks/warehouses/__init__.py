"""Loads rows into a table of a cloud warehouse: part files into a staging table, then one merge.

Start at `sink.py`. `warehouse.py` is the base of all warehouses; each has its own file and an entry in `registry.py`.
"""
