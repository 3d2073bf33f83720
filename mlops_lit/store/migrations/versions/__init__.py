"""One module per revision, each written by hand and never changed afterwards."""
