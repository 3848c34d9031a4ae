"""The benchmarks, one module each: `run(options, say)` returns a `benchmarks.report.Result`."""
