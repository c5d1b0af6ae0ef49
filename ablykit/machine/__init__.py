"""This machine: how its programs find a server, trust it, and which web pages may talk to it."""
