"""Floor 5: the hub's doors besides HTTP: what is sent out, what comes back, what falls due; no rule lives here."""
