"""The claim binder: claim meets volume, and a volume whose claim is gone is released (3.3 in around.md)."""
