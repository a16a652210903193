"""The state-space language model: a linear recurrence whose decay, reading and writing depend on the word."""
