"""Floor 3: the only SQL, and its twin in memory; it loads and writes what the core decides, and decides nothing."""
