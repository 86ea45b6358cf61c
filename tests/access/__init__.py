"""One table per door: who and what is turned away, and that nobody else notices."""
