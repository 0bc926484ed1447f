"""Where rows go: `sql/` writes tables, `files/` writes folders. It imports no operator.

Start at `schema.py`: it lists each resource's columns.
"""
