"""Settlement's files and messages: translations between values and bytes; they never do I/O, nor read a clock.

What is written here goes to the settlement bank and to participants; what is read here comes from them, and is refused
as a whole rather than guessed. Formats, columns and the signature's profile: `docs/settlement-files.md`.
"""
