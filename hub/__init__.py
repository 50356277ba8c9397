"""The hub: a state machine that never guesses about money, over a double-entry clearing ledger."""
