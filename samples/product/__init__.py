"""A small product: log-in as an OpenID Connect provider, workspaces, and the push of them to the marketplace."""
