"""The built-in corpus schemes, one module each; `lmcompare.corpora.registered` finds them by entry points."""
