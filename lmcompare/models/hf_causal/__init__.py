"""Causal language models of Hugging Face's transformers: pre-trained, or trained from their configuration."""
