"""A cache over another model: words that occurred in the document become more likely."""
