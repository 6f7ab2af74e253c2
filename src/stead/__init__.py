"""stead: the StatefulSet of Kubernetes, in Python."""
