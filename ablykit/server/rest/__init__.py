"""The HTTP side of the embedded Ably, on the same port as the WebSocket."""
