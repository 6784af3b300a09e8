"""Results for people: the terminal, tables, and the report."""
