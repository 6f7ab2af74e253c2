"""A real cluster seen from here: kubeconfig and HTTP."""
