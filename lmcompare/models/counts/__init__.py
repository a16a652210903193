"""Count-based language models: n-grams counted, smoothed, stored as back-off tables, read and written as ARPA."""
