"""`python -m alignprops` is `alignprops`."""

import sys

from alignprops.cli import main

if __name__ == "__main__":
    sys.exit(main())
