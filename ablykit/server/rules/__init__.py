"""The rules of each operation: publishing, revising, annotating, presence and attaching.

A rule takes values (a `Publisher` or an `Attacher`, an `Attachment`, a frame, the running time in ms). It
either raises `AblyError`, gives the log something, or returns what was decided. Rules never touch a socket,
never read a clock, and never change a session: `Session` and the HTTP endpoints call them and act on what
they return.
"""
