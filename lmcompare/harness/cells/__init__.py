"""One cell: its job, how it is trained, scored and measured, and how fast its model scores."""
