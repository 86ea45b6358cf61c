"""The speech engines behind the emulated Realtime service."""
