"""The assets of the message store: `hvsms://<account>/<resource>`. Start with `hvsms.py`."""
