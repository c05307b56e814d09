"""What the services share: contracts (the language), rules (the same answer everywhere) and plumbing."""
