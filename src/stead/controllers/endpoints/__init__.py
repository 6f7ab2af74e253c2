"""Endpoints: a Service and its pods make EndpointSlices, and the older Endpoints object (3.2 in around.md)."""
