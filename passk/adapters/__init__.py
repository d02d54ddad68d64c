"""passk's estimators in other trainers, a file each (docs/adapters.md). Neither trainer is a requirement."""
