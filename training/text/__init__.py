"""What people say to the embedded model in text, and its answers: one module for each subject."""
