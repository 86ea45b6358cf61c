"""A stand-in for the Realtime API: its rules without I/O, and an aiohttp server round them."""
