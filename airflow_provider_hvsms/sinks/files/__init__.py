"""Writes the rows of a load as files of a folder, which become visible together.

Start at `sink.py`. `registry.py` lists the file formats; each has a file of its own.
"""
