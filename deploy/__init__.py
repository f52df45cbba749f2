"""What it takes to run Quarterdeck somewhere."""
