"""A tour of the web client: each screen in the states that its visitors meet."""
