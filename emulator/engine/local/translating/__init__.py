"""Translates text along the best path of steps from one language to another."""
