"""The back-off table (``level``, ``table``), and from it scores and sums."""
