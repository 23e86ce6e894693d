"""Labels beside pictures: one file a format, and the search for those that a folder has."""
