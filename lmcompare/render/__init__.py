"""What every page is made of: charts, numbers in words, terms, templates and Markdown."""
