"Fixtures that several test modules share."

from bucket import bucket, cable, s3_server
from postgres import postgres

__all__ = ["bucket", "cable", "postgres", "s3_server"]
