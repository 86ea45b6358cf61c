"""Speech engines of the emulated Realtime service."""
