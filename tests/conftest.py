"""Fixtures that several test modules share.

Models in tests are fitted to small tables, where threads cost more than they bring, most of all beside another process.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from bucket import bucket, cable, s3_server
from postgres import postgres

__all__ = ["bucket", "cable", "postgres", "s3_server"]
