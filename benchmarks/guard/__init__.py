"""The integrity guard measured: sentences, faults put into them, and how many of them it notices."""
