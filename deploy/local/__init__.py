"""The whole of Souk on one machine without Docker: set up, start, look at, stop.

Everything here runs on the standard library alone, because it runs before there is a virtual environment.
The exceptions are two programs that it starts inside that environment: `mail_sink` and `replica_set`.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 -- the person who reads this message has the older one
    sys.exit("Souk needs Python 3.11 or newer. Say which to use, as in: make PYTHON=python3.11")
