"""The format of a run folder: the names of its files, their columns, and the version of all of it.

::

    manifest.json  checksums.json            what was run, with which experiment, on which machine
    tokens/<fingerprint>/                    the corpus under one tokenizer: ``TOKENS_FILES``
    cells/<model>/<seed>/                    one model trained with one seed: ``CELL_FILES``
    cells/<model>/<seed>/probes/             what it answered to minimal pairs, if it was asked
    trials/<setting>/<seed>/                 one setting of a sweep, scored on validation text: ``TRIAL_FILES``
    fractions/<share>/                       a run folder for a share of the training text
    forecasts/<forecaster>.json              of a run on series: what a classical method forecasts
    results.json  results.csv  report.*      made from the above, and made again at any time
"""

from __future__ import annotations

from typing import Literal

from lmcompare.run_mark import MANIFEST as MANIFEST  # part of the format
from lmcompare.run_mark import MARK as MARK

SCHEMA_VERSION = 5  # is increased whenever stored cells must be computed again

Split = Literal["valid", "test"]  # a held-out split, which is scored
HELD_OUT: tuple[Split, ...] = ("valid", "test")
SPLITS = ("train", *HELD_OUT)

SEAL = "checksums.json"  # the digests of the files beside it, written after them
TOKENS, CELLS, TRIALS, FRACTIONS = "tokens", "cells", "trials", "fractions"  # folders
FORECASTS = "forecasts"  # of a run on series: a JSON file for each classical forecaster
QUANTILES = (0.025, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.975)  # of a stored forecast
PROBES = "probes"  # in a cell's folder: what the model answered to minimal pairs
LOG = "log.txt"  # in a cell's folder: the output of its process; removed when the cell is done
REPORT_FILES = ("results.json", "results.csv", "report.md", "report.html")
CHARTS = "charts"  # of the report, and of the page of a laboratory
REPORT = ("tables", CHARTS, *REPORT_FILES)  # only the report of several runs has "tables"
JOINED = ".joined"  # in a folder that contains a report of several runs and nothing else

# Files of a laboratory; its folder may also be that of a run, whose report then shows the findings
LAB_MARK = ".lmcompare-lab"
LAB_RUN = "run"  # the run folder of all conditions
FINDINGS = "findings"  # a JSON file for each experiment
LAB_PAGE, LAB_MARKDOWN = "lab.html", "lab.md"
LAB = (LAB_RUN, FINDINGS, LAB_PAGE, LAB_MARKDOWN)
LAB_CHARTS = "lab-"  # begins the names of its charts

STATE_FILES = ("arrays.safetensors", "values.json")  # what a model or a tokenizer has learnt
TOKENS_FILES = (
    *("tokenizer.json", "vocabulary.json", "code.json"),
    *(f"tokenizer/{name}" for name in STATE_FILES),
    *(f"{split}.{part}.npy" for split in SPLITS for part in ("ids", "spans")),
    *(f"{split}.npz" for split in SPLITS),
    *("features.parquet", "surface.parquet", "words.parquet", "documents.parquet"),
)

# What a report reads of a cell
CELL_TABLES = (
    *("cell.json", "scores.parquet", "words.parquet", "top.parquet"),
    *("cost.json", "curve.csv"),
)
READ = "read.json"  # what is known of the text that the run has read
MEASURED = "studies.json"  # in a cell's folder: what studies have measured of the model
CELL_FILES = (*CELL_TABLES, MEASURED, *(f"model/{name}" for name in STATE_FILES))
TRIAL_FILES = ("cell.json", "cost.json", "curve.csv", "valid.json")  # the model of a chosen setting is in its cell
TRAINED_FILES = (*STATE_FILES, "trained.json", "../curve.csv")  # of a cell's folder model/

# One row per token of valid and test
SURFACE_COLUMNS = ("split", "document", "position", "token", "byte_start", "byte_end", "is_unknown")
SCORE_COLUMNS = (
    *("split", "model", "seed", "document", "position", "token", "byte_start", "byte_end"),
    *("log_prob", "is_unknown", "log_prob_reset", "target_rank"),
)
# One row per word of valid and test, and one for the end of each document: columns of the text, and of a model
WORD_COLUMNS = (
    *("split", "document", "word", "byte_start", "byte_end", "train_count", "train_rank"),
    *("sentence", "position_in_sentence", "position", "repeated"),
)
WORD_SCORE_COLUMNS = ("split", "document", "surprisal_bits", "spelling_bits", "gap_bits", "joined")
# One row per document of valid and test
DOCUMENT_COLUMNS = (*("split", "document", "name", "bytes", "tokens", "sentences", "metadata", "repeated_spans"),)
TOP_COLUMNS = ("document", "position", "place", "token", "log_prob")
TEXT_COLUMNS = frozenset(
    ("split", "model", "token", "word", "name", "metadata", "repeated_spans")
)  # all others are numbers
CURVE_COLUMNS = ("step", "seconds", "tokens", "train_loss", "valid_loss")
PROCESSOR = "processor_seconds"  # of a training; older versions did not store it
COST_KEYS = ("train_seconds", "microseconds_per_token", "peak_memory_bytes", "parameters", "model_bytes")
