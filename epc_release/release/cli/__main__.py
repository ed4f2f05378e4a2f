"""``python -m epc_release.release.cli`` is ``epc-release``."""

import sys

from epc_release.release.cli import main

if __name__ == "__main__":
    sys.exit(main())
