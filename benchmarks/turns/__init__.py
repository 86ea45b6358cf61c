"""Ends of turns: scenes of speech under many conditions, and how detectors and the endpointer cut them."""
