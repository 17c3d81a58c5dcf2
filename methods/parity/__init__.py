"""``bench parity``: the adapters against what their authors' code computes."""
