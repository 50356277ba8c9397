"""Servers of our own: PostgreSQL and RabbitMQ as child processes; nothing here knows what the hub does with them."""
