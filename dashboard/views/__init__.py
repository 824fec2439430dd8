"""A folder for each page. No page imports another."""
