"""What every other room may use: errors, redaction of secrets, terminal tables, plugins. Standard library only."""
