"""The report as a page over the real models of a run (extra ``serve``): what a reader types, they answer."""
