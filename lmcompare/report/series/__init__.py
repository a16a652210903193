"""The sections of a report on series of numbers: forecasts in place of sentences."""
