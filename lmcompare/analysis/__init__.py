from lmcompare.analysis.comparison import Comparison, Difference, Standing, compare_models
from lmcompare.analysis.joined import JoinedRun, Table, join
from lmcompare.analysis.leaderboard import Row, Verdict, rows, verdict
from lmcompare.analysis.metrics import document_figures
from lmcompare.analysis.results import leaderboard, results, write_results
from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.run import ModelEntry, Run, load_run
from lmcompare.runfolder.tokens import TokenizedCorpus

__all__ = [
    "Cell",
    "Comparison",
    "Difference",
    "JoinedRun",
    "ModelEntry",
    "Row",
    "Run",
    "RunFolderError",
    "Standing",
    "Table",
    "TokenizedCorpus",
    "Verdict",
    "compare_models",
    "document_figures",
    "join",
    "leaderboard",
    "load_run",
    "results",
    "rows",
    "verdict",
    "write_results",
]
