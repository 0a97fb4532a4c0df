"""`python -m alignprops` is `alignprops`."""

import sys

from alignprops.console import main

if __name__ == "__main__":
    sys.exit(main())
