"""The search for parameters: asked in fixed batches, judged out of sample, stored trial by trial, resumable."""
