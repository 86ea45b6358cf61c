"""A local emulator of Azure Communication Services and the OpenAI Realtime API."""

__version__ = "0.1.0"
