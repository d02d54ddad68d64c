"""The study of Pass@k training on mazes."""
