"""The paper: its layers, its formulas, and how they depend on the blur."""
