"""A service downstream of the marketplace: it follows the events of installs, each with its effect once."""
