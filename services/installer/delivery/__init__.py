"""Calling add-ons: who calls whom when, what goes over the wire, and what the answers say of the add-on."""
