"""A bank that takes ISO 20022 messages over HTTPS."""
