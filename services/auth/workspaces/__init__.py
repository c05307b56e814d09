"""Workspaces: local ones, and those that products push."""
