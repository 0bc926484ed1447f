"""When the next request may be sent.

Start at `quota.py`; `limiter.py` counts the requests of a window; `contention.py` has the rules for several processes.
"""
