"""What all benchmarks share: options, Markdown tables, the marked parts of a page, SVG files."""
