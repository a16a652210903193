"""The built-in corpus formats, one module each; `lmcompare.corpora.registered` finds them by entry points."""
