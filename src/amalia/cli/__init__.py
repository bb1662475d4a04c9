"""The command line; ``app`` composes it from one file for each group of commands."""
