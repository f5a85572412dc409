"""Labels that say when they are known, splits that respect it, figures with intervals, and audits for self-deception."""
