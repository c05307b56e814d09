"""The pure core: what an installation becomes by what happens to it."""
