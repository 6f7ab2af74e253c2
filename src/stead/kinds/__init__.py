"""What each kind is, as data: names, defaults, validation, columns. Imports machinery."""
