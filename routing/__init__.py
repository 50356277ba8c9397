"""What travels between the hub and its adapters, and where it goes; imports nothing else of ours."""
