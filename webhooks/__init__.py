"""What ACS and Event Grid post to us: signed, repeated, out of order; read, checked and handed on."""
