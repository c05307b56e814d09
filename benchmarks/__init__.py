"""How fast the main job runs, and where the time goes. Numbers, never pass or fail."""
