"""The published hyper-parameters of every method, from ``methods/<name>/recipe.py``.

Later rules win. Those of the ViFi-CLIP family hold for every method that does not say otherwise.
"""

import methods as _methods

recipes = _methods.published_recipes()
