"""The craft of interpreting itself: plain synchronous Python that is told the time and never reads a clock."""
