"""The main job, played through the gateway and watched from outside."""
