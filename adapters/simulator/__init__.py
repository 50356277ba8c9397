"""A scriptable provider for the demo, the tests, the load and the certification; it must never meet real money."""
