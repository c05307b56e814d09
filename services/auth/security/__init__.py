"""What shows the owner of an account that it is safe, and what keeps it so."""
