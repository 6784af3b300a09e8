"""What make doctor looks at on this host."""
