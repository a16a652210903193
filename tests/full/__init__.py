"""The second tier: what is slow by nature. ``.ci/full`` runs it, and ``pytest`` leaves it out unless it is named."""
