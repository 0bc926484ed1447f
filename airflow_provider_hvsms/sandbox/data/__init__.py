"""The data of the sandbox: generated messages, batches and opt-outs, and what tests add to them.

Independent of HTTP. Start with `store.py`, which holds all of it, and `filters.py`.
"""
