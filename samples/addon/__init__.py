"""An add-on: a manifest, verified lifecycle calls, a call back with its token, and a list of its installs."""
