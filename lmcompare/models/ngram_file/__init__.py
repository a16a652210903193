"""An n-gram model read from a file that another run or another tool wrote."""
