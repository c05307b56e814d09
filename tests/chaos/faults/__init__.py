"""Every kind of fault: how it is begun, and how it is undone."""
