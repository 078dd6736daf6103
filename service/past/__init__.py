"""What had happened before the rows of a request, and where it is looked up."""
