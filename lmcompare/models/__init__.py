"""The built-in language models, a file each; every one is loaded by its entry point when it is asked for."""
