"""The `passk` command, a file for each group of commands."""
