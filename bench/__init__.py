"""Measured, not asserted: programs that anyone can run. `make bench` runs them all."""
