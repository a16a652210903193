"""The built-in corpus schemes, one module each; `lmcompare.corpora.contract` finds them by entry points."""
