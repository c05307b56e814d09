"""The language between the services: only data, no behaviour beyond a record's key."""
