"""Adapters: one folder for each provider's protocol; imports routing only, never the hub."""
