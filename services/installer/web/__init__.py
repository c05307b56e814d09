"""The API of browsers and the product."""
