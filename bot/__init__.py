"""The hub: brings calls, media, models and listeners together into interpreted rooms."""
