"""Containers as Linux namespaces, with nothing installed."""
