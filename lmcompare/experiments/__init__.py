"""The experiment files that come with the package, one a preset."""
