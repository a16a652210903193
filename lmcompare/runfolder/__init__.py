"""The run folder: what a run stores, written, sealed and read in one place.

The harness writes a run folder; the analysis, the report and the Python interface read it. ``layout`` declares its
files and columns once. Reading imports neither torch nor gensim, and reads long tables block by block.
"""
