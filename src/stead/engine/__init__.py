"""Which key is due, whose turn it is, and what becomes of an action."""
