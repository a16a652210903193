"""The convolutional language model: gated convolutions over the words before."""
