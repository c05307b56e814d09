"""The second factor: codes of the owner's device, recovery codes, and what a log-in waits for meanwhile."""
