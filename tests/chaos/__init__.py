"""Hurts a whole marketplace under load, and proves from outside that no install was lost, doubled or stranded."""
