"""What the rest of the server builds on: time and ids, the agenda, statistics, and the record of denials."""
