"""One table per endpoint: which callers and requests are refused, and that others are served meanwhile."""
