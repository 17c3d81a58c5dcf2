"""``bench check-method``: does an adapter keep the contract?"""
