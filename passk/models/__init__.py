"""The models that passk makes itself."""
