"""Set before anything is imported that reads it, and inherited by every process that a test starts."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # or Ray does not stay on 127.0.0.1
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
