"""Log-in with a product (OpenID Connect)."""
