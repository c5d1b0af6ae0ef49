"""This machine: how its programs find and trust a server, which web pages may use it, and loops on
threads."""
