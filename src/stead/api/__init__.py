"""Verbs over kinds and store: the one door for users and controllers alike. Synchronous."""
