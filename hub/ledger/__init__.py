"""Floor 1, pure: accounts, postings, positions; it must never do I/O or read a clock."""
