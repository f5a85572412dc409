"""Labels that say when they are known, splits that keep to it, figures with intervals, audits of look-ahead."""
