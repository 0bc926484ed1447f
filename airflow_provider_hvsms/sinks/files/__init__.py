"""Rows into the files of a folder, which become visible together.

Start at `sink.py`; each file format has a file of its own.
"""
