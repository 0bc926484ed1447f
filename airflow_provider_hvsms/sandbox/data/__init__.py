"""The data of the sandbox: generated messages, batches and opt-outs, and what tests add to them.

Nothing here knows of HTTP. Start with `store.py`, which holds everything, and `filters.py`.
"""
