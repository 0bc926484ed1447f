"""Merges the rows of a load into a Delta table, in one commit.

Start at `sink.py`. `merge.py` computes what changes, and `table.py` commits it.
"""
