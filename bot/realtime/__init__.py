"""Booths over the OpenAI Realtime WebSocket: the only place that knows the SDK and the protocol."""
