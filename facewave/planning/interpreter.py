"""Jobs below a path with a blank (`My Drive/faces`): Snakemake names its Python without quotes.

Snakemake 9.27 puts `sys.executable` into shell commands as it is: with a blank in it (a virtual
environment in the project's folder is enough) each job ends with 127, "No such file or directory".
Everything else that it puts into commands is quoted.
"""

import os
import shlex
import sys


def quote_interpreter() -> None:
    """Make `sys.executable` of this process one word for a shell, if it is not.

    For the processes of Snakemake alone, which hand it to a shell and to nothing else; scripts
    run in processes of their own, with a `sys.executable` of their own.
    """
    if os.path.exists(sys.executable):  # noqa: PTH110 - quoted already it is no path
        sys.executable = shlex.quote(sys.executable)
