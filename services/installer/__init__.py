"""The installer, and where its parts are.

Beside the files that every service has:

- `saga`: the pure core, what an installation becomes by what happens to it; its ways are `saga/transitions.py`
- `storage`: installations as documents, and the parts of the batch step in `store.py`
- `delivery`: calling add-ons: workers, slots, attempts, what answers mean, breakers
- `web`: the API of browsers and the product: preflight, asking, watching
- `addons`: the add-ons' side: tokens, keys, and the wire contract's own endpoints
- `known.py`: the projections of the other services' state
"""
