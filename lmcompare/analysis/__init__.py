from lmcompare.analysis.comparison import Comparison, compare_models
from lmcompare.analysis.joined import Table, join
from lmcompare.analysis.leaderboard import rows
from lmcompare.analysis.metrics import document_figures
from lmcompare.analysis.results import leaderboard, results, write_results
from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.run import ModelEntry, Run, load_run

__all__ = [
    "Cell",
    "Comparison",
    "ModelEntry",
    "Run",
    "RunFolderError",
    "Table",
    "compare_models",
    "document_figures",
    "join",
    "leaderboard",
    "load_run",
    "results",
    "rows",
    "write_results",
]
