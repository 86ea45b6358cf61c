"""Emulates the Realtime API: its rules without I/O, and an aiohttp server for them."""
