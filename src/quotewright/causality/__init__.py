"""Why a model works, and what would break it: effects, causal graphs and their tests, double residuals, fragility."""
