"""The add-ons' side: their tokens, their keys, and the API that they call back."""
