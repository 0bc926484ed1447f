"""Pictures of a report as inline SVG, drawn by matplotlib.

`by_period.py`, `failure_codes.py` and `senders.py` draw; `canvas.py` turns a drawing into SVG for an HTML page.
"""
