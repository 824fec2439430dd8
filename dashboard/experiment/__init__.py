"""The experiment (what is explained and how): a frozen object, its fields, its URL, and its photo."""
