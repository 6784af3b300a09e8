"""What every room may use: errors, files, records, tables, facts about the machine."""
