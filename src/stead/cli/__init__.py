"""The command stead."""
