"""Verbs of the `hub` command that fill files of their own; they parse and print, and leave the work to others."""
