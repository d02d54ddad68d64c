"""passk's rules in other trainers, a file a trainer; docs/adapters.md. Neither trainer is a requirement of passk."""
