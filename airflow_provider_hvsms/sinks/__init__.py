"""Where rows go. Nothing in this package imports an operator."""
