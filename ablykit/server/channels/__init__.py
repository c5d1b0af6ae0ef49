"""Channels: who is attached, what is kept, and how it is delivered."""
