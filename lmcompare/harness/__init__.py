"""Experiments to run folders: plan the cells, run each in a process of its own, store all that a report needs."""
