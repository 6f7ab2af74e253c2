"""`python -m stead` is the command `stead`."""

import sys

from stead.cli.main import main

sys.exit(main())
