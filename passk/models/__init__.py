"""Models that passk builds, and checks of models that it loads."""
