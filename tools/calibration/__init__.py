"""Parts of the tool that calibrates: what was asked, the problem, its rows, comparisons and predictions."""
