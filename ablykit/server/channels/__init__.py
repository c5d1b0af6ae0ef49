"""Channels: their logs, their attachments, and how entries of a log are delivered to subscribers."""
