"""The log of everything that was written, in one SQLite file, and cursors over it."""
