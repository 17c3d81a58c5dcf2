"""From records to numbers: means, harmonic means, intervals, comparisons."""
