"""New files are tried in a process of their own: a crash, a hang or a lack of memory is an answer like any other."""
