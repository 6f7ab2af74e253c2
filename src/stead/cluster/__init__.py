"""The only place where rooms meet: the kernel and the shells around it."""
