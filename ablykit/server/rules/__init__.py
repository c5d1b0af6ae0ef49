"""What each operation does: rules take a publisher, an attachment and a frame, and return values."""
