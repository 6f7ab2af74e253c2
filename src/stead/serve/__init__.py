"""Sockets: HTTP, TLS, DNS packets and streams become values and go back."""
