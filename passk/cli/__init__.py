"""The `passk` command, one file for each group of commands."""
