"""The only place where rooms meet: the kernel and the live shell around it."""
