"""``lmcompare check``: the conformance kits, each of the kind of its plug-in, in a process of their own."""
