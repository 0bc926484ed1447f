"""Campaigns: recipients become parts, and each part is sent as one batch and never twice.

Start with `sender.py`, which sends the parts of `plan.py` and notes each step in a ledger (`ledger.py`).
"""
