"""What is said to the embedded model in words, and what it answers: one module for each subject."""
