"""Words as sets of WordNet's classes in a bag, and a softmax over classes and their words."""
