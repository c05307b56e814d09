"""Installations as documents, and the batch step that writes them."""
