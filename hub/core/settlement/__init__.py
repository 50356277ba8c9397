"""Settlement, pure: windows, what is owed at their close, and how it is paid; it must never do I/O or read a clock."""
