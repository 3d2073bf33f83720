"Fixtures that several test modules share."

from bucket import bucket, cable, s3_server

__all__ = ["bucket", "cable", "s3_server"]
