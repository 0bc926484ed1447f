"""Operators that move records from the message store to where they are used.

`hvsms_to_sql.py` and `hvsms_to_object_storage.py` say where rows go, `extracts.py` what is read, `base.py` how a
transfer runs.
"""
