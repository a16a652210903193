"""The back-off table (``level``, ``table``), and from it scores, whole distributions and sums."""
