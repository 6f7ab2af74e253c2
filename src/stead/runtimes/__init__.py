"""What runs containers: a script in virtual time, or Linux namespaces."""
