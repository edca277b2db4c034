"""One tree of errors; each message says what happened, to which value, and what to do.

    SocraticError            anything the user can be told in one sentence (exit status 1)
    ├── UsageError           a wrong argument or choice (exit status 2)
    ├── WorkspaceError       a folder that cannot be made, read or written; a full disk
    ├── DataError            a data file or row that cannot be used
    ├── ModelError           a model or adapter that cannot be loaded
    │   ├── HubError         the Hugging Face Hub could not be reached or refused
    │   └── UnsoundModel     it loads, but would give wrong results in silence
    ├── RunError             a run that does not exist or cannot do what was asked of it
    ├── GenerationError      a question could not be generated
    │   └── Cancelled        somebody asked to stop before it was there
    ├── RatingError          a rating that cannot be kept, changed or merged
    └── ScoreError           a metric or statistic that has no value on this input

The page turns them into messages at one boundary (`socratic.ui.boundary`), the commands in another
(`socratic.console`); anything else that is raised is a bug and keeps its traceback.
"""


class SocraticError(Exception):
    """Base of every error a user is told about; `str(error)` is the whole sentence."""

    exit_code = 1


class UsageError(SocraticError):
    """A wrong argument or choice."""

    exit_code = 2


class WorkspaceError(SocraticError):
    """A folder that cannot be made, read or written."""


class DataError(SocraticError):
    """A data file or row that cannot be used."""


class ModelError(SocraticError):
    """A model or adapter that cannot be loaded."""


class HubError(ModelError):
    """The Hugging Face Hub could not be reached, or refused."""


class UnsoundModel(ModelError):
    """A model that loads but would give wrong results in silence."""


class RunError(SocraticError):
    """A run that does not exist, or cannot do what was asked of it."""


class GenerationError(SocraticError):
    """A question could not be generated."""


class Cancelled(GenerationError):
    """Somebody asked to stop before it was there."""


class RatingError(SocraticError):
    """A rating that cannot be kept, changed or merged."""


class ScoreError(SocraticError):
    """A metric or statistic that has no value on this input."""
