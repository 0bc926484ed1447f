"""Sensors that wait for batches. `hvsms.py` has them, `base.py` what they share."""
