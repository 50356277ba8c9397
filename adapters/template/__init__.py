"""A made-up provider's JSON API: what a new adapter begins as."""
