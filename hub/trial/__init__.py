"""Trying the hub out: the demo, the bench and what people see of them; nothing of the hub itself depends on this."""
