"""Study of Pass@k training on mazes."""
