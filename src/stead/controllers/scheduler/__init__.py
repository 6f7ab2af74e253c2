"""The scheduler: a pod without a node gets one, or is told in upstream's words why none will do (3.4 in around.md)."""
