"""Functions that are called in a Python process of their own.

``call`` runs ``"module:function"`` in a new process and returns its value; ``start`` gives the running process to
callers that need several at once. The arguments go to the process as JSON. The function's first parameter is
``emit``, which sends an event (a JSON object) to the caller; all other output of the process goes to standard error.
A ``ForkServer`` shortens the start of many processes that import the same modules.
"""

from lmcompare.processes.calls import CallError as CallError
from lmcompare.processes.calls import Child as Child
from lmcompare.processes.calls import Emit as Emit
from lmcompare.processes.calls import EndedError as EndedError
from lmcompare.processes.calls import Event as Event
from lmcompare.processes.calls import JunkError as JunkError
from lmcompare.processes.calls import LongLogError as LongLogError
from lmcompare.processes.calls import RaisedError as RaisedError
from lmcompare.processes.calls import TimeLimitError as TimeLimitError
from lmcompare.processes.calls import call as call
from lmcompare.processes.calls import end_running as end_running
from lmcompare.processes.calls import explained as explained
from lmcompare.processes.calls import start as start
from lmcompare.processes.forks import ForkServer as ForkServer
from lmcompare.processes.forks import ServerLostError as ServerLostError
from lmcompare.processes.forks import end_with as end_with
