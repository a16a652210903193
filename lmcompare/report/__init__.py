"""The report of a run: figures and exhibits as words, charts and pages. It never imports a model, torch or gensim."""
