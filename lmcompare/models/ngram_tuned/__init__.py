"""The n-gram model whose discounts and strengths are tuned on the validation text."""
