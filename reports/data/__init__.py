"""What a report is made from: results of the store, methods and their comparison, and text as Markdown."""
