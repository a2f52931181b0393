"""Names in the data: of misspelt claims, and of features that were renamed."""
