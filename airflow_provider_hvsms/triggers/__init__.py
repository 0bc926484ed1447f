"""Triggers: waiting for batches in the triggerer. Start in `hvsms.py`, which has the two public ones.

`batch_poller.py` polls for all `HvsmsBatchTrigger`s of a connection, `recent_batches.py` for a watcher of an asset.
"""
