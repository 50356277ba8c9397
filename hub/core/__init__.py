"""Floor 2, pure: the rules of payments; it is told the time, the ids and the facts, and does no I/O."""
