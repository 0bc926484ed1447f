"""When the next request may be sent.

Start at `quota.py`. `limiter.py` logs the requests of one process; `contention.py` adds the rules for several.
"""
