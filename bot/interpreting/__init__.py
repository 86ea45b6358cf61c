"""The interpreting core: plain synchronous Python on the standard library, without I/O and without a clock."""
