"""The HTTP API of the embedded Ably, on the same port as the WebSocket."""
