"""Operators that move records from the message store to where they are used.

The operators are in `hvsms_to_sql.py` and `hvsms_to_object_storage.py`. `extracts.py` is what they read, `targets.py`
what they write to, and `base.py` how a transfer runs.
"""
